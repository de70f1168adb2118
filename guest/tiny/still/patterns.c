/* Every free page holds words that follow from its number. A page that comes late, twice or not at all shows. */
#include "scenario.h"

enum { MOST = 65536 };

static bool ours[MOST];
static uint64_t taken;

static enum outcome patterns_start(void)
{
	uint64_t pfn;

	if (page_count > MOST)
		return skip("made for guests of at most %u pages", MOST);
	while (pages_free() > 64 && page_try_alloc(&pfn)) {
		ours[pfn] = true;
		pattern_fill(pfn, pfn, 1);
		taken++;
	}
	return success("%lu pages filled", taken);
}

static enum outcome patterns_check(void)
{
	uint64_t good = 0;

	for (uint64_t pfn = 0; pfn < MOST; pfn++)
		good += ours[pfn] && pattern_check(pfn, pfn, 1);
	return success("%lu of %lu pages are as they were", good, taken);
}

SCENARIO(.name = "patterns", .says = "every page keeps its words", .start = patterns_start,
	 .check = patterns_check);
