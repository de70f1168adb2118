/*
 * The control socket: $PVFERRY_RUN/control, or /run/pvferry/control, for root and
 * for whom we run as. Requests as in request.h, each answered in turn; who follows
 * a job, or all, gets their events in between. Who reads slowly gets fewer of their
 * "status", and who does not read at all is dropped.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <uv.h>

#include "daemon/jobs.h"

enum { CLIENTS_MOST = 64 };

struct client;

struct control {
	struct jobs *jobs;
	uv_pipe_t pipe;
	uv_timer_t timer;
	struct client *clients;
	unsigned int client_count;
	int lock; /* held as long as we are the one who listens */
};

int control_open(struct control *control, struct jobs *jobs);

/* For jobs.told. */
void control_tell(struct control *control, const struct job *job, struct json_object *event);

/* Clients may still read what was sent; if it is said once more, they are closed all the same. */
void control_close(struct control *control);

#endif
