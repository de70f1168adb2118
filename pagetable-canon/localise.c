/* pfn -> mfn in one table, each entry checked. Mirror: pagetable-canon/canonicalise.c */
#include "pagetable-canon/canon.h"

static enum table_defect localise_entry(uint64_t *to, uint64_t entry, struct table_kind kind,
					const struct destination *destination)
{
	uint64_t pfn = pte_frame(entry);
	enum table_defect defect;

	if (!(entry & PTE_PRESENT)) {
		*to = entry;
		return TABLE_SOUND;
	}
	if (kind.level > 1 && entry & PTE_SUPERPAGE)
		return TABLE_SUPERPAGE;
	if (pfn >= destination->count)
		return TABLE_NO_PFN;
	defect = entry_defect(kind.level, entry_judged(kind.width, kind.level, entry),
			      destination->type[pfn]);
	if (defect == TABLE_SOUND)
		*to = pte_with_frame(entry, destination->mfn[pfn].n);
	return defect;
}

bool localise(uint64_t to[TABLE_SLOTS], const uint64_t from[TABLE_SLOTS], struct table_kind kind,
	      const struct destination *destination, struct table_fault *fault)
{
	unsigned int xen_first, xen_count;

	xen_slots(kind.width, kind.level, &xen_first, &xen_count);
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		uint64_t entry = from[slot];
		enum table_defect defect;

		if (slot - xen_first < xen_count && entry)
			defect = TABLE_XEN_SLOT;
		else
			defect = localise_entry(&to[slot], entry, kind, destination);
		if (defect != TABLE_SOUND) {
			*fault = (struct table_fault){ defect, slot, entry };
			return false;
		}
	}
	return true;
}
