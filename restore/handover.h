/*
 * Takes a guest that comes from another host. The destination session is the process that
 * has the journal: what the receiver below it hears from the other host it
 * passes on to the builder, beside that, and takes the guest over, see
 * handover.c for who may run it when. The supervisor above it puts things right
 * should the destination session die.
 *
 * Mirror: migrate/handover.h
 */
#ifndef RESTORE_HANDOVER_H
#define RESTORE_HANDOVER_H

#include "journal/journal.h"
#include "machine/offer.h"
#include "restore/builder.h"
#include "stream/connect.h"
#include "stream/connection.h"

enum take_stage {
	TAKE_WAITING,  /* for the other side to say what it wants */
	TAKE_BUILDING, /* accepted */
	TAKE_READY,    /* complete and paused */
	TAKE_GO,       /* it may run: from here on nothing stops that */
	TAKE_RUNNING,
	TAKE_REMOVED,  /* there is none */
	TAKE_ANSWERED, /* it was only a question */
	TAKE_STAGES
};

/* Shared by supervisor and destination session; each field has one writer. */
struct take_status {
	struct built *built; /* shared with the builder, too */
	struct offer offer;
	struct journal journal;
	char peer[256];
	_Atomic enum take_stage stage;
	_Atomic uint64_t began_ns[TAKE_STAGES]; /* CLOCK_MONOTONIC; 0: not yet */
	_Atomic uint64_t wire_bytes;
	_Atomic int lock;      /* of the journal */
	_Atomic bool is_known; /* the other side knows why it failed */
	_Atomic bool is_lane;  /* a further connection of another job, whose destination session has it now */
};

struct take {
	int in, out; /* the connection: closed in the supervisor and in the destination session */
	struct door door;
	char connection[CONNECTION_TEXT];
	bool is_stream; /* no handshake: a pair of pipes that another program guards */
	struct restore_options options;
	struct take_status *status; /* shared */
	struct child *session;
};

/* In the supervisor; afterwards, take_finish() in any case. */
int take_start(struct take *take);
int take_watch(const struct take *take);
/* Waits for all processes, and puts right what they left. 0: a guest runs, or a question was answered. */
int take_finish(struct take *take);

/* In the destination session: all of it. handover.c */
int take_guest(struct take *take);

#endif
