/*
 * One walk of a guest's page tables, as the hardware does it: the rights of all
 * levels together, accessed and dirty bits set in the guest's own entries.
 */
#ifndef SIMHOST_WALK_H
#define SIMHOST_WALK_H

#include "host.h"

enum { WALK_LEVELS = 4 };

struct walk {
	bool is_32bit, write, user;
	bool probe;			  /* only looks: no accessed and dirty bits */
	uint64_t mfn;			  /* of the page, if it succeeds */
	bool writable;			  /* all levels allow stores */
	bool dirty;			  /* the page's entry was so before */
	uint64_t tables[WALK_LEVELS + 1]; /* mfns of those read, by level */
};

/* 0 or -EFAULT.  Nothing is set in the tables unless the access is allowed. */
int walk_tables(struct host *host, uint64_t root, uint64_t va, struct walk *walk);

#endif
