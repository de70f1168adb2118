/* See flood.h. */
#include "daemon/flood.h"

enum { SPAN_MS = 10000 };

void flood_say(struct flood *flood, uint64_t now_ms, unsigned int most, const char *text)
{
	if (!flood->said || now_ms - flood->began_ms >= SPAN_MS) {
		if (flood->left_out)
			say(SAY_WARNING, "%u more lines like this were left out: %s", flood->left_out, text);
		else
			say(SAY_WARNING, "%s", text);
		*flood = (struct flood){ .began_ms = now_ms, .said = 1 };
	} else if (flood->said < most) {
		say(SAY_WARNING, "%s", text);
		flood->said++;
	} else {
		flood->left_out++;
	}
}
