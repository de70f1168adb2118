/*
 * As what the page tables name each pfn. An entry may name a page whose type
 * only a later record tells; so each pfn remembers who named it, once for each
 * way to name it, and the question is put when all types are known.
 */
#ifndef RESTORE_DEMANDS_H
#define RESTORE_DEMANDS_H

#include "restore/examine.h"

/* As a table of a level that is at least and at most so high; as a page, by an entry of level 1. */
enum way { AT_LEAST, AT_MOST, AS_PAGE, WAYS };

struct demand {
	uint32_t table[WAYS];	 /* who asked for most in this way */
	uint16_t slot[WAYS];	 /* and where; + 1, so that 0 is no slot */
	uint8_t level[2];	 /* AT_LEAST, AT_MOST */
	uint8_t writable : WAYS; /* by way: the entry that asked may write */
	bool maps_top : 1;	 /* 32-bit: slot 3 of a level 3 names it */
	bool reaches_top : 1;	 /* 32-bit level 2: has an entry where Xen's would be */
} __attribute__((packed));	 /* there is one for each pfn */

/* Goes through a table; what can be known to be wrong at once is refused. */
int demands_note(struct examination *examination, uint64_t pfn, unsigned int level, const uint8_t *page);
/* When all types are known. */
int demands_check(const struct examination *examination);

#endif
