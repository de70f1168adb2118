/*
 * A look at the guest's p2m: which frames it has, of what types, and which pfn
 * each of them is. Of a guest that runs it is out of date at once, which is
 * why there is always another look.
 */
#ifndef MIGRATE_LOOK_H
#define MIGRATE_LOOK_H

#include "migrate/migrate.h"

/*
 * Fills p2m, inverse and figures; after a failure they are what they were.
 * -EAGAIN, among others, means no more than that a running guest was in the
 * middle of a change.
 */
int look(struct migration *migration);

/* The record X86_PV_P2M_FRAMES: the pfns of the p2m's own pages. The caller checks out. */
void put_p2m_frames(const struct migration *migration, struct bytes *out);

#endif
