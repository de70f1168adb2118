/*
 * Page tables without machine numbers, and back. Pure: nothing of Xen's is
 * called, nothing allocated, each entry of the page is read exactly once, so
 * that a guest which writes while we read can confuse only itself.
 *
 * These functions say what is the matter with a table and where. Whether that
 * means "later", "refuse" or "damaged" is for the caller, who knows whether
 * the guest runs.
 */
#ifndef PAGETABLE_CANON_CANON_H
#define PAGETABLE_CANON_CANON_H

#include "p2m/inverse.h"
#include "stream/format.h"
#include "xen/pte.h"

enum table_defect {
	TABLE_SOUND,
	TABLE_FOREIGN,	   /* names a frame that is not the guest's */
	TABLE_SUPERPAGE,   /* a large page, which PV guests cannot have */
	TABLE_NO_PFN,	   /* names a pfn beyond the last */
	TABLE_NO_FRAME,	   /* names a pfn without a frame */
	TABLE_WRONG_LEVEL, /* names something that is no table of the level below */
	TABLE_WRITABLE,	   /* names a table and may write to it */
	TABLE_XEN_SLOT,	   /* has an entry where only Xen's may be */
};

struct table_kind {
	unsigned int width; /* of the guest: 4 or 8 */
	unsigned int level;
};

struct table_fault {
	enum table_defect defect;
	unsigned int slot;
	uint64_t entry; /* as it stood in the table */
};

/* "names a frame that is not the guest's" */
const char *table_defect_text(enum table_defect defect);

/*
 * First of the slots that are Xen's, TABLE_SLOTS if there are none, and how
 * many. Source: Xen, public/arch-x86/xen-x86_64.h, "ROOT_PAGETABLE_*"; xen-x86_32.h.
 * Those of a 32-bit guest's level 2 depend on the table: canonicalise() knows.
 */
void xen_slots(unsigned int width, unsigned int level, unsigned int *first, unsigned int *count);

/* mfn -> pfn, Xen's slots to zero. False with a fault, and to[] then undefined. */
bool canonicalise(uint64_t to[TABLE_SLOTS], const uint64_t from[TABLE_SLOTS], struct table_kind kind,
		  const struct inverse *inverse, struct table_fault *fault);

/* The four entries of a 32-bit guest's level 3 have no writable bit, and are always as if they had. */
static inline uint64_t entry_judged(unsigned int width, unsigned int level, uint64_t entry)
{
	return width == 4 && level == 3 ? entry | PTE_WRITABLE : entry;
}

/* The slots from here on of the level 2 that slot 3 of a 32-bit level 3 names are Xen's. */
enum { COMPAT_L2_XEN_FIRST = 428 };

/* What an entry of a table of level may name: TABLE_SOUND, or what is wrong with it. */
static inline enum table_defect entry_defect(unsigned int level, uint64_t entry, unsigned int target)
{
	unsigned int target_level = frame_level(target);

	if (!frame_is_populated(target))
		return TABLE_NO_FRAME;
	if (level == 1)
		return target_level && entry & PTE_WRITABLE ? TABLE_WRITABLE : TABLE_SOUND;
	if (target_level == level - 1)
		return TABLE_SOUND;
	/* A linear page table: the table named again one level up, read-only. */
	return target_level == level && !(entry & PTE_WRITABLE) ? TABLE_SOUND : TABLE_WRONG_LEVEL;
}

/* pfn -> mfn, each entry checked. Xen's slots must be zero. to and from may be the same. */
bool localise(uint64_t to[TABLE_SLOTS], const uint64_t from[TABLE_SLOTS], struct table_kind kind,
	      const struct destination *destination, struct table_fault *fault);

#endif
