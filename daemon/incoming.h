/*
 * Guests that arrive: listens, accepts, and counts. A connection within the
 * limits becomes a process of its own, which alone reads it; others are closed.
 */
#ifndef DAEMON_INCOMING_H
#define DAEMON_INCOMING_H

#include <uv.h>

#include "daemon/jobs.h"

struct listener;

struct incoming {
	struct jobs *jobs;
	struct listener *first;
	uv_timer_t timer;
	struct flood refused;
	/* Of the connections that a second may bring: from strangers, and from addresses that are known. */
	struct allowance {
		uint64_t counted_ms, spent;
	} allowance[2];
};

int incoming_init(struct incoming *incoming, struct jobs *jobs);

/* On the settings' addresses, and no others. After a failure on some of them. */
int incoming_listen(struct incoming *incoming, const struct settings *settings);

/* Listens no more. */
void incoming_stop(struct incoming *incoming);
void incoming_close(struct incoming *incoming);

#endif
