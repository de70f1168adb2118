/*
 * `pvferry resolve --recover`: what became of guests whose job's processes are gone
 * is settled by pvferry itself. It is run when we start and when a job dies, and
 * again, ever more rarely, as long as a journal says that something is under way.
 * It starts watchers in place of those that have died, too: so it is run when there are some, which is looked for each minute.
 */
#ifndef DAEMON_RECOVERY_H
#define DAEMON_RECOVERY_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/jobs.h"

struct program;

struct recovery {
	struct jobs *jobs;
	uv_timer_t timer;
	struct program *child;
	bool is_wanted;	    /* again, after this one */
	unsigned int tries; /* since it was last asked for */
	/* The next look for watchers that have died, and how long after this one; PVFERRY_WATCH_SECONDS is for tests. */
	uv_timer_t look;
	unsigned int look_seconds, least_seconds;
};

int recovery_init(struct recovery *recovery, struct jobs *jobs);

/* As soon as may be. */
void recovery_want(struct recovery *recovery);

/* No more of it, once nothing runs; its timer is closed. */
void recovery_close(struct recovery *recovery);

#endif
