/*
 * Which pages have to be looked at again? By content: all of them, and a page
 * is dirty if its digest is not that of what was sent. By Xen's log: those
 * written to, and those that the log is known to miss.
 *
 * Reading all of a guest takes long enough for it to change much meanwhile, and
 * what changed once is likely to change again. So a round by content may be
 * partial: it reads only the pages that were found changed before, the hot ones.
 * All of them are read once more when the guest has stopped.
 */
#ifndef MIGRATE_DIRTY_H
#define MIGRATE_DIRTY_H

#include "migrate/live.h"
#include "p2m/inverse.h"
#include "xen/domain.h"

/* What a round by content reads, beside what was noted. */
enum dirty_extent { DIRTY_ALL, DIRTY_HOT, DIRTY_NOTED };

struct dirty {
	struct domain *domain;
	enum dirty_tracking tracking; /* what is still to be chosen from */
	bool uses_log;
	bool is_partial; /* this round by content does not read all */
	/* By pfn; a worker owns the words of its batch. */
	uint64_t *bits; /* look at it */
	uint64_t *hot;	/* was found changed */
	uint64_t count;
};

/*
 * Begins by content. LOG fails here if Xen has none. Frees nothing on failure:
 * dirty_end().
 */
int dirty_begin(struct dirty *dirty, struct domain *domain, enum dirty_tracking tracking, uint64_t count);
void dirty_end(struct dirty *dirty);

/*
 * Before a round that is neither the first nor the last: is it worth the log
 * from here on? Under it the guest runs on shadow tables and is slow, so the
 * first pass, the longest, does without, and AUTO takes it only where Xen has
 * it and it would help: reading everything once more, which takes scan_ms, is
 * more than a part of max_downtime_ms, or by content the downtime is expected
 * to be longer than that. All pages are looked at once more then.
 */
int dirty_choose(struct dirty *dirty, uint64_t scan_ms, uint64_t expected_ms, uint64_t max_downtime_ms);

/* There are more pfns now. */
int dirty_grow(struct dirty *dirty, uint64_t count);

/* How many pages are hot. */
uint64_t dirty_hot(const struct dirty *dirty);
/* For the rounds to come. By the log it changes nothing. */
void dirty_extend(struct dirty *dirty, enum dirty_extent extent);

/* Takes what was written to since the last time; at the end, with the guest stopped, also what others may write to. */
int dirty_collect(struct dirty *dirty);
int dirty_collect_granted(struct dirty *dirty, const struct inverse *inverse);

static inline void dirty_note(struct dirty *dirty, uint64_t pfn)
{
	dirty->bits[pfn / 64] |= 1ULL << pfn % 64;
}

/* Has every page to be looked at in this round? */
static inline bool dirty_reads_all(const struct dirty *dirty)
{
	return !dirty->uses_log && !dirty->is_partial;
}

static inline bool dirty_is_suspect(const struct dirty *dirty, uint64_t pfn)
{
	return dirty_reads_all(dirty) || dirty->bits[pfn / 64] >> pfn % 64 & 1;
}

/* It was found changed: true if for the first time. */
static inline bool dirty_heat(struct dirty *dirty, uint64_t pfn)
{
	bool was_hot = dirty->hot[pfn / 64] >> pfn % 64 & 1;

	dirty->hot[pfn / 64] |= 1ULL << pfn % 64;
	return !was_hot;
}

/* It was looked at. */
static inline void dirty_clear(struct dirty *dirty, uint64_t pfn)
{
	dirty->bits[pfn / 64] &= ~(1ULL << pfn % 64);
}

#endif
