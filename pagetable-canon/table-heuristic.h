/*
 * Does an ordinary page look like a page table? A guest whose tables are not
 * all pinned when it stops has some without a type; no toolstack can carry those, and
 * the guest would come to grief where it goes on. Pure, like canon.h.
 */
#ifndef PAGETABLE_CANON_TABLE_HEURISTIC_H
#define PAGETABLE_CANON_TABLE_HEURISTIC_H

#include "pagetable-canon/canon.h"

/*
 * Of level 2 or above, of a 64-bit guest: it has entries, each is present and
 * names a frame of the guest's, and nothing else is in it. Xen's slots count
 * neither way: an unpinned root keeps what Xen put there.
 */
bool looks_like_table(const uint64_t page[TABLE_SLOTS], const struct inverse *inverse);

/* Of level 1: at least one entry is present, and all that are name frames of the guest's. The others may be anything. */
bool looks_like_lowest_table(const uint64_t page[TABLE_SLOTS], const struct inverse *inverse);

#endif
