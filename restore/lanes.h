/*
 * Further connections of a guest that comes. Each arrives at a process of its
 * own, which finds the destination session by a socket that is named after the job, and
 * carries to it what it hears, see stream/lane.h.
 *
 * Mirror: migrate/lanes.h
 */
#ifndef RESTORE_LANES_H
#define RESTORE_LANES_H

#include <stdbool.h>

#include "machine/offer.h"
#include "stream/message.h"

struct joined {
	unsigned int count; /* lane 0, which is the destination session's own line, among them */
	const char *job;
	int listener;
	struct line lane[OFFER_LANES_MOST]; /* from 1; from their processes */
};

/* --- in the destination session --- */

/* Listens. joined_close() in any case. */
int joined_open(struct joined *lanes, unsigned int count, const char *job);
/* Waits for all of them; only those that come from whom the first comes from. The line is kept alive. */
int joined_wait(struct joined *lanes, struct line *line);
void joined_close(struct joined *lanes);

/* --- in a lane's process --- */

/* To the end of what the other host sends by this lane; *is_joined as soon as the destination session has it. */
int lane_join(struct line *line, const struct message *join, _Atomic bool *is_joined);

/* What the destination session of a job has left, if it is dead. */
void joined_forget(const char *job);

#endif
