/*
 * One walk of a guest's page tables, as the hardware does it: the rights of all
 * levels together, accessed and dirty bits set in the guest's own entries.
 */
#ifndef SIMHOST_WALK_H
#define SIMHOST_WALK_H

#include "../machine/host.h"

struct walk {
	bool is_32bit, write, user;
	uint64_t mfn;		/* of the page, if it succeeds */
	bool writable;		/* all levels allow stores */
};

/* 0 or -EFAULT.  Nothing is set in the tables unless the access is allowed. */
int walk_tables(struct host *host, uint64_t root, uint64_t va, struct walk *walk);

#endif
