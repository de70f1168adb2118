/* Holes in the p2m: all of a leaf, and single pages here and there. They stay holes, and what is between stays. */
#include "scenario.h"

enum { MOST = 65536, EACH = 7 };

static enum { OTHERS, KEPT, HOLE } state[MOST];
static uint64_t kept, holes;

static bool chosen(uint64_t pfn)
{
	return pfn / P2M_SPAN == page_count / P2M_SPAN - 1 || pfn % EACH == 0;
}

static enum outcome ballooned_holes_start(void)
{
	uint64_t pfn;

	if (page_count > MOST)
		return skip("made for guests of at most %u pages", MOST);
	while (pages_free() > 64 && page_try_alloc(&pfn)) {
		state[pfn] = KEPT;
		pattern_fill(pfn, pfn, 1);
	}
	for (pfn = 0; pfn < MOST; pfn++) {
		if (state[pfn] == KEPT && chosen(pfn)) {
			balloon_out(pfn);
			state[pfn] = HOLE;
		}
		kept += state[pfn] == KEPT;
		holes += state[pfn] == HOLE;
	}
	return success("%lu holes among %lu pages", holes, kept);
}

static enum outcome ballooned_holes_check(void)
{
	uint64_t good = 0, still = 0;

	for (uint64_t pfn = 0; pfn < page_count; pfn++) {
		good += state[pfn] == KEPT && pattern_check(pfn, pfn, 1);
		still += state[pfn] == HOLE && p2m_get(pfn) == INVALID;
	}
	if (still != holes)
		wrong("%lu of %lu holes have a frame now", holes - still, holes);
	return success("%lu of %lu pages, %lu of %lu holes", good, kept, still, holes);
}

SCENARIO(.name = "ballooned-holes", .says = "holes in the p2m stay holes", .start = ballooned_holes_start,
	 .check = ballooned_holes_check);
