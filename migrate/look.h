/*
 * A look at the guest's p2m: which frames it has, of what types, and which pfn
 * each of them is. Of a guest that runs it is out of date at once, which is
 * why there is always another look.
 */
#ifndef MIGRATE_LOOK_H
#define MIGRATE_LOOK_H

#include "migrate/migrate.h"

struct sight {
	struct p2m p2m;
	struct inverse inverse; /* has no bits if that of the look before is still right */
};

/* Before the guest is stopped: whether it may have as many pfns as it claims, and an image of them can be read. */
int look_before(const struct migration *migration);

/*
 * Writes to nothing but the sight, so it may go on beside a thread that uses what was
 * seen before. -EAGAIN, among others, means no more than that a running guest
 * was in the middle of a change.
 */
int look_ahead(const struct migration *migration, struct sight *sight);
/* Fills p2m, inverse and figures from it; it is used up. */
void look_take(struct migration *migration, struct sight *sight);
void sight_release(struct sight *sight);

/* Both; after a failure all is what it was. */
int look(struct migration *migration);

/* The record X86_PV_P2M_FRAMES: the pfns of the p2m's own pages. The caller checks out. */
void put_p2m_frames(const struct migration *migration, struct bytes *out);

#endif
