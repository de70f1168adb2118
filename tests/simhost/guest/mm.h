/*
 * Address spaces of simulated guests.  They live unpinned as long as they can, their
 * tables written to as ordinary memory, and are pinned to be used and to suspend.
 */
#ifndef SIMHOST_MM_H
#define SIMHOST_MM_H

#include "kernel.h"

/* Makes one with that many data pages in a free place: its index, or -ENOSPC. */
int mm_create(struct guest *guest, uint64_t pages);
void mm_destroy(struct guest *guest, unsigned mm);

bool mm_is(struct guest *guest, unsigned mm, enum guest_mm_flags flags);

/* Tables read-only everywhere and pinned, both roots; and back. */
void mm_pin(struct guest *guest, unsigned mm);
void mm_unpin(struct guest *guest, unsigned mm);

/* Before suspending, all that are not pinned; after it, those again. */
void mm_pin_all(struct guest *guest);
void mm_unpin_all(struct guest *guest);

/* The vCPU's roots; the mm is pinned first.  -1: back to the kernel's own. */
void mm_switch(struct guest *guest, int mm);

#endif
