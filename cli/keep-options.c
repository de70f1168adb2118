/* See keep-options.h. */
#include "cli/keep-options.h"

#include "cli/command.h"
#include "text/text.h"

bool keep_set(struct keep *keep, enum option_id option, const struct option_value *value)
{
	switch (option) {
	case OPTION_KEEP_LAST: keep->last = value->number; break;
	case OPTION_KEEP_HOURLY: keep->hourly = value->number; break;
	case OPTION_KEEP_DAILY: keep->daily = value->number; break;
	case OPTION_KEEP_WITHIN:
		if (text_duration(value->text, &keep->within_ms) && keep->within_ms)
			break;
		say_wrong("--keep-within: \"%s\" is not a time like 30m, 2h or 7d", value->text);
		return false;
	default: break;
	}
	return true;
}
