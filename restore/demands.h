/*
 * As what the page tables name each pfn. An entry may name a page whose type
 * only a later record tells; so each pfn remembers who named it, once for each
 * way to name it, and the question is put when all types are known.
 */
#ifndef RESTORE_DEMANDS_H
#define RESTORE_DEMANDS_H

#include "restore/examine.h"

enum way { AS_TABLE, TO_WRITE, TO_READ, WAYS };

struct demand {
	uint32_t table[WAYS];		/* who named it first in this way */
	uint16_t slot[WAYS];		/* and where; + 1, so that 0 is nobody */
	uint8_t level;			/* of the table that named it, AS_TABLE */
	bool read_only : 1;		/* AS_TABLE: the entry was */
	bool maps_top : 1;		/* narrow: slot 3 of a level 3 names it */
	bool reaches_top : 1;		/* narrow level 2: has an entry where Xen's would be */
};

/* Goes through a table; what can be known to be wrong at once is refused. */
int demands_note(struct examination *examination, uint64_t pfn, unsigned int level, const uint8_t *page);
/* When all types are known. */
int demands_check(const struct examination *examination);

#endif
