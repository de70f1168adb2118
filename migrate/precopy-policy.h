/*
 * When to stop the guest. Pure: numbers in, a verdict out.
 *
 * What the guest changes in a second is taken from what a round found changed
 * and how long ago it had been looked at; what is left to send at the stop is
 * what it changes in one more round. The downtime is then the time to read all
 * of its memory once more, the time to send that, and what stopping and
 * starting takes. A round that was partial (dirty.h) found nothing of what
 * changes elsewhere: how much that is in a second, the last one tells that was not.
 *
 * A downtime that is short enough is not yet the shortest: there is one more
 * round, and another, while each is expected to take a tenth of it away. Where
 * there is a buffer (migrate/hold.h) it is short enough as soon as what is left
 * fits into that.
 */
#ifndef MIGRATE_PRECOPY_POLICY_H
#define MIGRATE_PRECOPY_POLICY_H

#include <stddef.h>

#include "migrate/live.h"

/* A round that is over, and what is known by then. */
struct precopy_round {
	unsigned int number; /* from 1 */
	uint64_t elapsed_ms; /* since the first began */
	uint64_t took_ns, previous_ns;
	uint64_t
		changed_pages; /* found changed in this round; the first one counts none, unless is_sampled */
	bool is_sampled;       /* changed_pages is what has changed by now, as a sample of all pages tells */
	uint64_t fresh_pages;  /* of these for the first time */
	uint64_t fresh_per_second; /* by the last round that read all */
	uint64_t unseen_ns;	   /* since pages that never were found changed were last looked at */
	unsigned int partial;	   /* rounds in a row that did not read all */
	uint64_t late_pages;	   /* that go in the last pass in any case: tables, what could not be read */
	uint64_t bytes_per_page;   /* of the stream */
	uint64_t bytes_per_second; /* the best seen */
	uint64_t scan_ns;	   /* reading all that has to be read once more */
	uint64_t hold_pages; /* that the guest does not wait for: they are copied, and sent when it runs */
};

struct precopy_forecast {
	uint64_t dirty_pages_per_second;
	uint64_t left_pages; /* to go while it is stopped */
	uint64_t downtime_ms;
};
struct precopy_forecast precopy_forecast(const struct precopy_round *round);

enum precopy_verdict { PRECOPY_GO_ON, PRECOPY_STOP, PRECOPY_GIVE_UP };

/* What is remembered from round to round; starts zeroed. */
struct precopy_memory {
	uint64_t best_ms;	   /* the shortest downtime that was ever in sight */
	unsigned int without_gain; /* rounds since it became shorter */
};

/* why[]: for people, if the verdict is not to go on. */
enum precopy_verdict precopy_decide(struct precopy_memory *memory, const struct precopy_limits *limits,
				    uint64_t max_downtime_ms, const struct precopy_round *round,
				    char why[128]);

/*
 * By content: is the next round to read all memory, or is it partial, for the
 * pages that were found changed before? So long as more is expected from those
 * than from all others.
 */
bool precopy_reads_all(const struct precopy_round *round, uint64_t hot_pages, uint64_t frames);

/*
 * Of an increment, before the first round: round has what a sample of all pages found to differ from the parent. If that is
 * copied in a moment the guest is stopped at once: a round would read all memory once more, and most of what it sends would
 * change no more before the stop, or go a second time.
 */
bool precopy_stops_at_once(const struct precopy_round *round);

/* In the middle of a round: has the time run out? */
static inline bool precopy_is_over(const struct precopy_limits *limits, uint64_t elapsed_ms)
{
	return limits->timeout_seconds && elapsed_ms >= limits->timeout_seconds * 1000ULL;
}

#endif
