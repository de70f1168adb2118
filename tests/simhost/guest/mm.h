/*
 * Address spaces of simulated guests.  They live unpinned as long as they can, their
 * tables written to as ordinary memory, and are pinned to be used and to suspend.
 */
#ifndef SIMHOST_MM_H
#define SIMHOST_MM_H

#include "kernel.h"

/* Makes one with that many data pages, at most MM_L1S * 512: its index, or -ENOSPC. */
int mm_create(struct guest *guest, uint64_t pages);

/* No vCPU may be using it. */
void mm_destroy(struct guest *guest, unsigned mm);

uint64_t mm_flags(struct guest *guest, unsigned mm);
uint64_t mm_pages(struct guest *guest, unsigned mm);

/* Tables read-only everywhere and both roots pinned; and back. */
void mm_pin(struct guest *guest, unsigned mm);
void mm_unpin(struct guest *guest, unsigned mm);

/* Before suspending, all that are not pinned; after it, those again. */
void mm_pin_all(struct guest *guest);
void mm_unpin_all(struct guest *guest);

/* The roots of a vCPU; the mm is pinned first.  -1: back to the kernel's own. */
void mm_switch(struct guest *guest, unsigned vcpu, int mm);

/* The entry for a data page of the mm, and its replacement: written to where the
 * tables are ordinary memory, through mmu_update where they are pinned. */
uint64_t mm_get_entry(struct guest *guest, unsigned mm, unsigned index);
void mm_set_entry(struct guest *guest, unsigned mm, unsigned index, uint64_t entry);

/* While a guest runs one entry of its names a frame that no p2m knows, that of its
 * shared_info, as a driver's mappings of another's pages do. */
void mm_map_foreign(struct guest *guest);
void mm_unmap_foreign(struct guest *guest);

/* One page of the kernel's own address space, through update_va_mapping. */
void mm_map_kernel(struct guest *guest, uint64_t va, uint64_t pfn, bool writable);

#endif
