/* See pace.h. */
#include "migrate/pace.h"

enum { NS_IN_MS = 1000000, NS_IN_S = 1000000000, MOST_MS = 100 };

void pace_count(struct pace *pace, uint64_t bytes, uint64_t limit, uint64_t now_ns)
{
	/* What was not used is lost: no bursts of what was saved up. */
	if (pace->free_ns < now_ns)
		pace->free_ns = now_ns;
	if (limit)
		pace->free_ns += bytes * NS_IN_S / limit;
}

unsigned int pace_wait(const struct pace *pace, uint64_t limit, uint64_t now_ns)
{
	uint64_t wait_ms = pace->free_ns > now_ns ? (pace->free_ns - now_ns) / NS_IN_MS : 0;

	if (!limit)
		return 0;
	return wait_ms < MOST_MS ? wait_ms : MOST_MS;
}
