/*
 * A snapshot of the guest's p2m: which frames it has, of what types, and which pfn
 * each of them is. Of a guest that runs it is out of date at once, which is
 * why there is always another snapshot.
 */
#ifndef MIGRATE_P2M_SNAPSHOT_H
#define MIGRATE_P2M_SNAPSHOT_H

#include "migrate/migrate.h"

struct p2m_snapshot {
	struct p2m p2m;
	struct inverse inverse; /* has no bits if that of the snapshot before is still right */
};

/* Before the guest is stopped: whether it may have as many pfns as it claims, and an image of them can be read. */
int p2m_check_size(const struct migration *migration);

/*
 * Writes to nothing but the snapshot, so it may go on beside a thread that uses what was
 * seen before. -EAGAIN, among others, means no more than that a running guest
 * was in the middle of a change.
 */
int p2m_snapshot_take(const struct migration *migration, struct p2m_snapshot *snapshot);
/* Fills p2m, inverse and figures from it; it is used up. */
void p2m_snapshot_use(struct migration *migration, struct p2m_snapshot *snapshot);
void p2m_snapshot_release(struct p2m_snapshot *snapshot);

/* Both; after a failure all is what it was. */
int p2m_snapshot_renew(struct migration *migration);

/* The record X86_PV_P2M_FRAMES: the pfns of the p2m's own pages. The caller checks out. */
void put_p2m_frames(const struct migration *migration, struct bytes *out);

#endif
