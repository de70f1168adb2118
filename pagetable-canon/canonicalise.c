/* mfn -> pfn in one table. Mirror: pagetable-canon/localise.c */
#include "pagetable-canon/canon.h"

static bool set_fault(struct table_fault *fault, enum table_defect defect, unsigned int slot, uint64_t entry)
{
	*fault = (struct table_fault){ defect, slot, entry };
	return defect == TABLE_SOUND;
}

/*
 * The level 2 that maps a narrow guest's top has Xen's entries from slot 428
 * on, and only that one: Xen lets a guest put nothing but its own level-1
 * tables into a level 2, so a foreign frame there is Xen's.
 */
static unsigned int narrow_l2_end(const uint64_t *from, const struct inverse *inverse)
{
	uint64_t entry = __atomic_load_n(&from[NARROW_L2_XEN_FIRST], __ATOMIC_RELAXED);

	return entry & PTE_PRESENT && !inverse_has(inverse, pte_frame(entry))
		? NARROW_L2_XEN_FIRST : TABLE_SLOTS;
}

static bool canonicalise_entry(uint64_t *to, uint64_t entry, unsigned int level,
			       const struct inverse *inverse, struct inverse_cursor *cursor,
			       enum table_defect *defect)
{
	uint64_t pfn;

	if (!(entry & PTE_PRESENT)) {
		*to = entry;
		return true;
	}
	pfn = inverse_pfn(inverse, cursor, pte_frame(entry));
	if (pfn == INVALID_FRAME)
		*defect = TABLE_FOREIGN;
	else if (level > 1 && entry & PTE_SUPERPAGE)
		*defect = TABLE_SUPERPAGE;
	else
		*to = pte_with_frame(entry, pfn);
	return *defect == TABLE_SOUND;
}

bool canonicalise(uint64_t to[TABLE_SLOTS], const uint64_t from[TABLE_SLOTS], unsigned int width,
		  unsigned int level, const struct inverse *inverse, struct table_fault *fault)
{
	struct inverse_cursor cursor = { 0 };
	unsigned int xen_first, xen_count;

	xen_slots(width, level, &xen_first, &xen_count);
	if (width == 4 && level == 2) {
		xen_first = narrow_l2_end(from, inverse);
		xen_count = TABLE_SLOTS - xen_first;
	}
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		/* Once: the page may be the guest's own, and change. */
		uint64_t entry = __atomic_load_n(&from[slot], __ATOMIC_RELAXED);
		enum table_defect defect = TABLE_SOUND;

		if (slot - xen_first < xen_count)
			to[slot] = 0;
		else if (!canonicalise_entry(&to[slot], entry, level, inverse, &cursor, &defect))
			return set_fault(fault, defect, slot, entry);
	}
	return true;
}
