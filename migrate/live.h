/*
 * What a live job is told, what it may be told anew while it runs, and what it
 * says of itself. struct live is shared by the processes of a job: one writes
 * a field, others read it, and none waits for another.
 */
#ifndef MIGRATE_LIVE_H
#define MIGRATE_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum dirty_tracking { DIRTY_AUTO, DIRTY_CONTENT, DIRTY_LOG };

struct precopy_limits {
	unsigned int max_rounds;      /* then the guest is stopped; 0: no limit */
	unsigned int timeout_seconds; /* for all rounds together; 0: none */
	bool stop_on_timeout;	      /* stop the guest and finish; if not, give up */
	bool abort_if_busy;	      /* give up rather than exceed the downtime */
};

enum live_phase {
	LIVE_SETUP,	 /* looking at the guest, mapping it */
	LIVE_ROUNDS,	 /* the guest runs, its memory is sent */
	LIVE_SUSPENDING, /* it was asked to suspend */
	LIVE_LAST,	 /* it has; what changed since is sent */
	LIVE_STATE,	 /* all that is not memory */
	LIVE_SENT,	 /* the last byte is written */
	LIVE_PHASES
};

/* What a round sent, for the table and the report at the end of a move. */
struct live_round {
	_Atomic uint32_t
		rounds; /* 1; more in the last one that is kept, which has the sums; 0: there was none */
	_Atomic uint64_t pages, bytes, took_ns;
	_Atomic uint64_t expected_downtime_ms; /* after it */
};

/* As many as fit on a line of 80 columns. A guest that never comes to rest has more: those come together in the last place. */
enum { LIVE_ROUNDS_KEPT = 64 };

struct live {
	/* Orders; they may change at any time. */
	_Atomic uint32_t max_downtime_ms;
	_Atomic uint64_t
		bandwidth_bytes; /* a second, on the wire; 0: no limit. For who writes to the wire. */

	/* Written by who sends the memory. */
	_Atomic enum live_phase phase;
	_Atomic uint64_t phase_began_ns[LIVE_PHASES]; /* CLOCK_MONOTONIC; 0: not yet */
	_Atomic uint32_t round;			      /* from 1 */
	_Atomic uint64_t pages;			      /* of the guest, with data */
	_Atomic uint64_t looked_at;		      /* pages, in this round */
	_Atomic uint64_t sent_pages;		      /* in all rounds */
	_Atomic uint64_t dirty_pages;		      /* found in the last whole round */
	_Atomic uint64_t dirty_pages_per_second;
	_Atomic uint64_t bytes_per_second; /* of the stream, in the last round */
	_Atomic uint64_t expected_downtime_ms;
	_Atomic bool uses_log;
	struct live_round kept[LIVE_ROUNDS_KEPT];
	struct live_round stopped; /* what was sent of the memory while the guest was stopped */

	/* Written by who writes to the wire. */
	_Atomic bool
		devices_are_due; /* the other host makes them: the guest is not stopped before they are there */
	_Atomic uint64_t wire_bytes;
	_Atomic uint64_t
		taken_bytes; /* of the stream: the other side says it has dealt with them; 0: it says nothing */
};

/* Where a round is kept; number: from 1. The last place is of all rounds beyond. */
static inline struct live_round *live_kept(struct live *live, unsigned int number)
{
	unsigned int place = number ? number - 1 : 0;

	return &live->kept[place < LIVE_ROUNDS_KEPT ? place : LIVE_ROUNDS_KEPT - 1];
}

static inline void live_keep(struct live_round *kept, uint64_t pages, uint64_t bytes, uint64_t took_ns)
{
	kept->rounds++;
	kept->pages += pages;
	kept->bytes += bytes;
	kept->took_ns += took_ns;
}

static inline void live_enter(struct live *live, enum live_phase phase, uint64_t now_ns)
{
	if (!live)
		return;
	live->phase_began_ns[phase] = now_ns;
	live->phase = phase;
}

#endif
