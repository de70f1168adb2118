/*
 * Moves a guest to another host. The source session is the process that has the
 * journal: it passes on what the sender below it writes to the speaker, beside
 * that, which has the connection, and hands the guest over, see handover.c for
 * who may run it when. The supervisor above it puts things right should the source session
 * die.
 *
 * Mirror: restore/handover.h
 */
#ifndef MIGRATE_HANDOVER_H
#define MIGRATE_HANDOVER_H

#include "journal/journal.h"
#include "machine/device-order.h"
#include "machine/offer.h"
#include "migrate/live.h"
#include "migrate/sender.h"
#include "stream/connect.h"

enum move_stage {
	MOVE_CONNECTING,
	MOVE_STREAMING, /* accepted */
	MOVE_SENT,	/* END is sent, the guest waits suspended */
	MOVE_READY,	/* the other host has it, complete and paused */
	MOVE_GO,	/* GO may be on its way: from here on it may run there */
	MOVE_RUNNING,	/* it does */
	MOVE_DONE,	/* and ours is away */
	MOVE_STAGES
};

/* Shared by supervisor, source session and sender; each field has one writer. */
struct move_status {
	struct live live;
	struct sent sent;
	struct journal journal;
	_Atomic enum move_stage stage;
	_Atomic uint64_t began_ns[MOVE_STAGES]; /* CLOCK_MONOTONIC; 0: not yet */
	_Atomic uint64_t resumed_ns;		/* it was suspended, and goes on here */
	_Atomic uint32_t remote_domid, build_ms, unpause_ms;
	struct device_order devices;		 /* of a guest that has some; reason "": not chosen yet */
	_Atomic pid_t helpers[OFFER_LANES_MOST]; /* ssh of each connection; 0: none */
	pid_t waiter;				 /* stays for a guest that may suspend yet; 0: none */
};

struct move {
	struct peer peer;
	struct offer
		offer; /* job, domain (its name there; "": the same), lanes and flags: the caller's; the rest is fetched */
	struct migrate_options options; /* live: NULL, or status->live */
	enum device_wish devices;
	uint32_t domain;
	struct move_status *status; /* shared */

	struct child *session; /* the supervisor's, as is what follows */
	int lock, domain_lock;
};

/* What came of it. */
enum moved {
	MOVED,	   /* it runs there */
	NOT_MOVED, /* it runs here */
	UNSETTLED, /* it waits here, and may run there */
};

/*
 * In the supervisor: starts the source session. No other process of this one may run, no
 * connection to Xen be open. Afterwards, move_finish() in any case.
 */
int move_start(struct move *move);
/* Readable when there is something for move_finish() to do. */
int move_watch(const struct move *move);
/* Waits for all processes, and puts right what they left; a reason unless it is MOVED. */
enum moved move_finish(struct move *move);

/* In the source session: all of it. handover.c */
int move_guest(struct move *move);

#endif
