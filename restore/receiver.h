/*
 * The process that hears the other host, below the destination session: see stream/front.h. Each body that is JSON on
 * the connection is a struct below, or text, when it comes to the session; PEER and LOST come from the receiver itself.
 *
 * Mirror: migrate/speaker.h
 */
#ifndef RESTORE_RECEIVER_H
#define RESTORE_RECEIVER_H

#include "machine/offer.h"
#include "stream/connect.h"
#include "stream/front.h"

struct take;
struct child;

/* Body of QUERY and JOIN. Texts may lack their end. */
struct heard_job {
	char job[JOB_DIGITS + 2];
	uint32_t lane;	/* JOIN */
	char peer[256]; /* JOIN, from another destination session */
};

/* Body of PEER: an address first, then, when it is let in, a name. */
struct heard_peer {
	char name[256];
	uint32_t is_let_in;
};

/*
 * Starts it on take's connection, which is closed here, and returns when the peer is let in and both have said
 * HELLO. The line is initialised in any case once there is a receiver: line_close(), then front_end().
 */
int receiver_start(struct child **receiver, struct line *line, struct take *take);
/* The bodies, checked: texts end, jobs are names of jobs. */
int heard_offer(const struct line *line, const struct message *message, struct offer *offer);
int heard_job(const struct line *line, const struct message *message, struct heard_job *heard);

#endif
