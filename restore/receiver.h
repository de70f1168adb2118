/*
 * The process that hears the other host: TLS, the framing of messages, JSON. It is the only one that reads what a
 * peer wrote, and it holds nothing: another user, no capability, a filter for system calls, no descriptor but the
 * connection and a socket to the taker, which it is started by.
 *
 *	peer <- TLS, JSON -> receiver <- line within the host -> taker (journal, Xen) -> builder
 *
 * On that line the taker finds the same messages, but each body that is JSON on the connection is a struct below,
 * or text, when it comes to the taker; what the taker says goes out as it is. PEER and LOST come from the receiver
 * itself. The taker takes none of it on trust: a receiver that a peer has taken over can say what that peer could
 * have said, and no more. When it dies the connection is broken, and the table in handover.c says what follows.
 */
#ifndef RESTORE_RECEIVER_H
#define RESTORE_RECEIVER_H

#include "machine/offer.h"
#include "stream/connect.h"
#include "stream/message.h"

struct take;
struct child;

/* Body of QUERY and JOIN. Texts may lack their end. */
struct heard_job {
	char job[JOB_DIGITS + 2];
	uint32_t lane;	/* JOIN */
	char peer[256]; /* JOIN, from another taker */
};

/* Body of PEER: an address first, then, when it is let in, a name. */
struct heard_peer {
	char name[256];
	uint32_t is_let_in;
};

/*
 * Starts it on take's connection, which is closed here, and returns when the peer is let in and both have said
 * HELLO. The line is initialised in any case once there is a receiver: line_close(), then receiver_end().
 */
int receiver_start(struct child **receiver, struct line *line, struct take *take);
/* Something failed: if the receiver has died, that is the reason then. Returns the error. */
int receiver_reason(struct child **receiver, const struct line *line, int error);
/* After line_close(). NULL is fine. */
void receiver_end(struct child *receiver);

/* Between receiver-start.c and receiver.c: what the process does. context: struct receiver_task. */
struct receiver_task {
	struct take *take;
	int fd; /* to the taker */
};
int run_receiver(void *context);

/* The bodies, checked: texts end, jobs are names of jobs. */
int heard_offer(const struct line *line, const struct message *message, struct offer *offer);
int heard_job(const struct line *line, const struct message *message, struct heard_job *heard);

#endif
