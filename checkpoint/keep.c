/* See keep.h. */
#include "checkpoint/keep.h"

#include <string.h>

enum { HOUR = 3600, DAY = 86400 };

bool keep_is_empty(const struct keep *keep)
{
	return !keep->last && !keep->hourly && !keep->daily && !keep->within_ms;
}

/* The newest of each span, for the newest spans; points without one in between take nothing away. */
struct spans {
	unsigned int left;
	time_t length, at;
	bool has_any;
};

static bool takes(struct spans *spans, time_t time)
{
	time_t at = time / spans->length;

	if (!spans->left || (spans->has_any && at == spans->at))
		return false;
	spans->at = at;
	spans->has_any = true;
	spans->left--;
	return true;
}

static bool is_ours(const struct points *points, const struct link *links, size_t i)
{
	return points->at[i].name.number && links[i].state == LINK_SOUND;
}

void keep_choose(const struct keep *keep, const struct points *points, const struct link *links, bool *kept)
{
	struct spans hours = { keep->hourly, HOUR, 0, false }, days = { keep->daily, DAY, 0, false };
	const struct point *newest = NULL;
	unsigned int number = 0;

	for (size_t i = points->count; i-- > 0;) {
		const struct point *point = &points->at[i];
		bool is_of_hour, is_of_day;

		kept[i] = true;
		if (!is_ours(points, links, i))
			continue;
		if (!newest)
			newest = point;
		/* Both are to count it. */
		is_of_hour = takes(&hours, point->name.time);
		is_of_day = takes(&days, point->name.time);
		kept[i] = point == newest || *point->name.tag || number < keep->last || is_of_hour ||
			  is_of_day ||
			  (keep->within_ms &&
			   point->name.time + (time_t)(keep->within_ms / 1000) >= newest->name.time);
		number++;
	}
}
