/*
 * Address spaces that were not pinned. Most are loaded nowhere: ordinary memory,
 * which only mm_pin_all() makes known; one is loaded on each vCPU. With
 * mm_pin_all=off a carrier cannot know them: it has to refuse, or they come
 * back with frames of another machine.
 */
#include "scenario.h"

enum { SPACES = 24, PAGES = 12 };

static struct mm *spaces[SPACES];

static void load(void *mm)
{
	mm_load(mm);
}

static void load_everywhere(void)
{
	for (unsigned int i = 0; i < MAX_VCPUS; i++)
		if (vcpus[i].up)
			vcpu_call(i, load, spaces[i]);
}

static enum outcome unpinned_tables_start(void)
{
	for (unsigned int i = 0; i < SPACES; i++)
		spaces[i] = space_make(i * PAGES, PAGES);
	load_everywhere();
	return success("%u spaces of %lu tables, %u of them loaded", SPACES, mm_tables(spaces[0]),
		       vcpus_up());
}

static enum outcome unpinned_tables_check(void)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < SPACES; i++) {
		bool loaded = i < MAX_VCPUS && vcpus[i].up;

		if (spaces[i]->pinned || probe_write(spaces[i]->root) == loaded)
			wrong("space %u is pinned, or read-only without being loaded", i);
		good += space_check(spaces[i], i * PAGES, PAGES);
	}
	mm_load(&kernel_mm);
	for (unsigned int i = 0; i < SPACES && good == SPACES; i++) {
		mm_pin(spaces[i]);
		mm_unpin(spaces[i]);
	}
	if (good == SPACES)
		load_everywhere();
	return success("%u of %u unpinned spaces", good, SPACES);
}

SCENARIO(.name = "unpinned-tables", .says = "tables without a type are pinned for the save, and only for it",
	 .start = unpinned_tables_start, .check = unpinned_tables_check);
