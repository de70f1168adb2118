/*
 * A job: one guest on its way, from here or to here, the work of one process
 * `pvferry migrate --foreground --control` or `pvferry receive --control`, whose
 * events are kept: the first ("job"), the last status, the end.
 */
#ifndef DAEMON_JOB_H
#define DAEMON_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "daemon/address.h"

struct program;
struct json_object;
struct jobs;

enum job_state {
	JOB_STARTING, /* has not said which job it is; an incoming one has not been let in */
	JOB_RUNNING,
	JOB_SETTLING, /* its process died, and what became of the guest is being found out */
	JOB_ENDED
};

/* What its journal says of one whose process died. */
enum outcome {
	OUTCOME_NONE,	   /* there is no journal */
	OUTCOME_UNDER_WAY, /* others of its processes are at work, or no process is */
	OUTCOME_IN_DOUBT,  /* `pvferry resolve` settles it */
	OUTCOME_MOVED,
	OUTCOME_NOT_MOVED
};

struct job {
	struct job *next;
	struct jobs *jobs;
	uint64_t number; /* from 1, never used again */
	enum job_state state;
	bool is_source;
	bool is_lane;  /* a further connection of another job */
	bool is_known; /* its address was let in before it came */
	bool is_late;  /* was told to end because it took too long to be let in */
	char id[33];
	char *domain, *peer;
	struct address address; /* of who sends it to us */
	time_t began, over;
	struct json_object *first, *status, *end;
	int exit_status, signal;
	char note[512]; /* the last thing it said on standard error */
	struct program *child;
};

/* Starts argv as the job's process. On failure the job is as before. */
int job_start(struct job *job, char *const *argv, int connection);

/* Orders; they fail with a reason for a job that takes none. */
int job_cancel(struct job *job);
int job_set(struct job *job, struct json_object *set);

/* What was found out of one that is JOB_SETTLING. */
void job_settle(struct job *job, enum outcome outcome);

/* All that is known of it, for who asks: {"job":..,"role":..,"state":..,"status":{},"end":{},...}. */
struct json_object *job_describe(const struct job *job);

const char *job_role(const struct job *job);
void job_free(struct job *job);

#endif
