/*
 * Pages at pfns beyond 1, 2 and 3 GiB: the p2m takes several lists, most of
 * their entries the one missing leaf. The guest is as small as ever.
 */
#include "scenario.h"

enum { PAGES = 96, REGIONS = 3 };

static uint64_t place(unsigned int i)
{
	return (uint64_t)(1 + i % REGIONS) * P2M_LIST_SPAN + (uint64_t)(i % 4) * 5 * P2M_SPAN + i;
}

static enum outcome several_lists_start(void)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		page_move(page_alloc(), place(i));
		pattern_fill(place(i), i, 1);
	}
	return success("%u pages, the p2m has %lu entries", PAGES, p2m_count);
}

static enum outcome several_lists_check(void)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < PAGES; i++)
		good += pattern_check(place(i), i, 1);
	return success("%u of %u pages up to pfn %lx", good, PAGES, p2m_count - 1);
}

SCENARIO(.name = "several-lists", .says = "a p2m of several lists, mostly missing",
	 .start = several_lists_start, .check = several_lists_check);
