/* See table-heuristic.h. */
#include "pagetable-canon/table-heuristic.h"

#define ENTRY_FLAGS \
	0xe7fULL /* all but the large page's and the global one, which no PV guest's upper entry has */
#define NO_EXECUTE (1ULL << 63)

static bool is_entry(uint64_t word, const struct inverse *inverse)
{
	return word & PTE_PRESENT && !(word & ~(PTE_FRAME_MASK | ENTRY_FLAGS | NO_EXECUTE)) &&
	       inverse_has(inverse, pte_frame(word));
}

bool looks_like_table(const uint64_t page[TABLE_SLOTS], const struct inverse *inverse)
{
	unsigned int entries = 0, xen_first, xen_count;

	xen_slots(8, 4, &xen_first, &xen_count);
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		if (!page[slot] || slot - xen_first < xen_count)
			continue;
		if (!is_entry(page[slot], inverse))
			return false;
		entries++;
	}
	return entries;
}

bool looks_like_lowest_table(const uint64_t page[TABLE_SLOTS], const struct inverse *inverse)
{
	unsigned int entries = 0;

	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		if (!(page[slot] & PTE_PRESENT))
			continue;
		if (!inverse_has(inverse, pte_frame(page[slot])))
			return false;
		entries++;
	}
	return entries;
}
