/* Tables that several spaces name, one pinned, one loaded, one neither: at each level, and at all of them. */
#include "scenario.h"

enum { PAGES = 12, SPACES = 4 };

static struct mm *spaces[SPACES]; /* the first has the pages, the others name its tables */

static enum outcome shared_tables_start(void)
{
	spaces[0] = space_make(0, PAGES);
	for (unsigned int i = 1; i < SPACES; i++)
		spaces[i] = mm_new();
	mm_pin(spaces[1]); /* before it has anything: tables come into a pinned space */
	for (unsigned int i = 0; i < PAGES; i++) {
		unsigned int level = 2 + i % 3; /* of the slot; the table is one level lower */

		for (unsigned int j = 1; j < SPACES; j++)
			if (mm_frame(spaces[j], space_va(i)) == INVALID)
				mm_share(spaces[0], spaces[j], space_va(i), level);
	}
	mm_load(spaces[2]);
	return success("%lu, %lu, %lu, %lu tables in spaces that share", mm_tables(spaces[0]),
		       mm_tables(spaces[1]), mm_tables(spaces[2]), mm_tables(spaces[3]));
}

static enum outcome shared_tables_check(void)
{
	unsigned int good = 0;

	if (!spaces[1]->pinned || spaces[0]->pinned || spaces[3]->pinned)
		wrong("another space is pinned than before");
	for (unsigned int i = 0; i < PAGES; i++)
		for (unsigned int j = 1; j < SPACES; j++)
			if (mm_frame(spaces[j], space_va(i)) != mm_frame(spaces[0], space_va(i)))
				wrong("space %u, page %u: not the same frame as the first's", j, i);
	for (unsigned int i = 0; i < SPACES; i++)
		good += space_check(spaces[i], 0, PAGES);
	mm_load(spaces[2]);
	return success("%u of %u spaces that share tables", good, SPACES);
}

SCENARIO(.name = "shared-tables", .says = "tables named by several spaces stay shared",
	 .start = shared_tables_start, .check = shared_tables_check);
