/*
 * Pinned address spaces, none of them loaded: their types are all that tells
 * a carrier what they are. Afterwards they are pinned still (Xen lets go of the
 * pin once, and takes it again), and read-only.
 */
#include "scenario.h"

enum { SPACES = 24, PAGES = 12 };

static struct mm *spaces[SPACES];

static enum outcome pinned_tables_start(void)
{
	for (unsigned int i = 0; i < SPACES; i++) {
		spaces[i] = space_make(i * PAGES, PAGES);
		mm_pin(spaces[i]);
	}
	return success("%u spaces of %lu tables", SPACES, mm_tables(spaces[0]));
}

static enum outcome pinned_tables_check(void)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < SPACES; i++) {
		if (probe_write(spaces[i]->root) || probe_write(spaces[i]->user_root))
			wrong("space %u: a root can be written", i);
		good += space_check(spaces[i], i * PAGES, PAGES);
		mm_load(&kernel_mm);
		mm_unpin(spaces[i]);
		if (!probe_write(spaces[i]->root) || !probe_write(spaces[i]->user_root))
			wrong("space %u: a root that is not pinned cannot be written", i);
		mm_pin(spaces[i]);
	}
	return success("%u of %u pinned spaces", good, SPACES);
}

SCENARIO(.name = "pinned-tables", .says = "pinned tables stay pinned, read-only and right",
	 .start = pinned_tables_start, .check = pinned_tables_check);
