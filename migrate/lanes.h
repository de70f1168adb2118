/*
 * Further connections to the other host, each with a process of its own, see
 * stream/lane.h. Lane 0 is the source session's own line. DATA number n goes by lane
 * n % count.
 *
 * Mirror: restore/lanes.h
 */
#ifndef MIGRATE_LANES_H
#define MIGRATE_LANES_H

#include "machine/offer.h"
#include "stream/connect.h"

struct lanes {
	unsigned int count; /* lane 0 among them */
	const struct peer *peer;
	const char *job;
	_Atomic pid_t
		*helpers; /* ssh of each lane, for who has to end it should the source session die; 0: none */
	struct lane {
		struct line line; /* to its process */
		struct child *process;
	} lane[OFFER_LANES_MOST];
};

/* Starts the processes; they connect while we go on. helpers: OFFER_LANES_MOST. lanes_close() in any case. */
int lanes_open(struct lanes *lanes, unsigned int count, const struct peer *peer, const char *job,
	       _Atomic pid_t *helpers);
/* Writing to one has failed: why. */
int lanes_failure(struct lanes *lanes, unsigned int number);
void lanes_close(struct lanes *lanes);

#endif
