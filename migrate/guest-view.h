/*
 * The memory of a guest that runs, as we see it: mapped read-only once and for
 * all, pfn by pfn, and what was sent of each. Frames that the guest swaps are
 * mapped anew; those it gave away stay mapped, at no cost but theirs, until the
 * process ends (a PV domain 0 pays a trap for each page it unmaps).
 */
#ifndef MIGRATE_GUEST_VIEW_H
#define MIGRATE_GUEST_VIEW_H

#include "migrate/dirty.h"
#include "p2m/p2m.h"

enum { NEVER_SENT = 0xff }; /* no type of a frame */

/* All by pfn. */
struct guest_view {
	uint64_t count;
	const uint8_t **at; /* NULL: not mapped */
	mfn_t *mfn;	    /* mapped there, or to be */
	uint8_t *sent;	    /* type as last sent, or NEVER_SENT */
	uint64_t *digest;   /* of the page as last sent */
};

void guest_view_release(struct guest_view *view);

/* After a new snapshot: what has another frame now is mapped no more, and suspect. */
int guest_view_follow(struct guest_view *view, const struct p2m *p2m, struct dirty *dirty);

/* Maps what is not of the pfns first .. end - 1. What cannot be mapped, as a running guest just gave it away, is left. */
void guest_view_map(struct guest_view *view, struct domain *domain, uint64_t first, uint64_t end);

#endif
