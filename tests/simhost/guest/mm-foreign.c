/*
 * An entry for a frame that is not in the p2m.  It may have been moved about, so it is
 * looked for.
 */
#include "../machine/pte.h"
#include "mm.h"

static uint64_t shared_info_mfn(struct guest *guest)
{
	uint64_t address = 0;

	if (guest->is_32bit)
		kernel_load(guest, GET(guest, start_info), offsetof(struct start_info_x86_32, shared_info),
			    &address, 4);
	else
		kernel_load(guest, GET(guest, start_info), offsetof(struct start_info_x86_64, shared_info),
			    &address, 8);
	return address / PAGE_BYTES;
}

void mm_map_foreign(struct guest *guest)
{
	if (mm_flags(guest, 0) & MM_ALIVE && !(mm_get_entry(guest, 0, 0) & PTE_PRESENT))
		mm_set_entry(guest, 0, 0, pte_make(shared_info_mfn(guest), PTE_PRESENT | PTE_USER));
}

static void unmap_in(struct guest *guest, unsigned mm)
{
	uint64_t pages = mm_pages(guest, mm);

	for (uint64_t page = 0; page < pages; page++) {
		uint64_t entry = mm_get_entry(guest, mm, page);

		if (entry & PTE_PRESENT && kernel_pfn(guest, pte_mfn(entry)) >= guest->nr_pages)
			mm_set_entry(guest, mm, page, 0);
	}
}

void mm_unmap_foreign(struct guest *guest)
{
	for (unsigned mm = 0; mm < GUEST_MMS_MAX; mm++)
		if (mm_flags(guest, mm) & MM_ALIVE)
			unmap_in(guest, mm);
}
