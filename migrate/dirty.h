/*
 * Which pages have to be looked at again? By content: all of them, and a page
 * is dirty if its digest is not that of what was sent. By Xen's log: those
 * written to, and those that the log is known to miss.
 */
#ifndef MIGRATE_DIRTY_H
#define MIGRATE_DIRTY_H

#include "migrate/live.h"
#include "p2m/inverse.h"
#include "xen/domain.h"

struct dirty {
	struct domain *domain;
	bool uses_log;
	uint64_t *bits; /* by pfn: look at it. A worker owns the words of its batch. */
	uint64_t count;
};

/* AUTO takes the log where Xen has it. Frees nothing on failure: dirty_end(). */
int dirty_begin(struct dirty *dirty, struct domain *domain, enum dirty_tracking tracking, uint64_t count);
void dirty_end(struct dirty *dirty);

/* There are more pfns now. */
int dirty_grow(struct dirty *dirty, uint64_t count);

/* Takes what was written to since the last time; at the end, with the guest stopped, also what others may write to. */
int dirty_collect(struct dirty *dirty);
int dirty_collect_granted(struct dirty *dirty, const struct inverse *inverse);

static inline void dirty_note(struct dirty *dirty, uint64_t pfn)
{
	dirty->bits[pfn / 64] |= 1ULL << pfn % 64;
}

static inline bool dirty_is_suspect(const struct dirty *dirty, uint64_t pfn)
{
	return !dirty->uses_log || dirty->bits[pfn / 64] >> pfn % 64 & 1;
}

/* It was looked at. */
static inline void dirty_clear(struct dirty *dirty, uint64_t pfn)
{
	dirty->bits[pfn / 64] &= ~(1ULL << pfn % 64);
}

#endif
