/*
 * The table of all jobs: those that run, and the last hundred that have ended.
 */
#ifndef DAEMON_JOBS_H
#define DAEMON_JOBS_H

#include <uv.h>

#include "daemon/admission.h"
#include "daemon/flood.h"
#include "daemon/job.h"
#include "daemon/request.h"
#include "daemon/settings.h"

enum { JOBS_ENDED = 100 };

struct jobs {
	uv_loop_t *loop;
	const struct settings *settings;
	struct job *first, **last;
	uint64_t started;
	bool is_stopping;
	struct known known;
	struct flood strangers; /* what those say who are not let in */

	/* A job has said something; an end without an id: it never became one, and is gone after this. */
	void (*told)(void *context, const struct job *job, struct json_object *event);
	/* A job's process died without a word. */
	void (*died)(void *context);
	/* The counts are others. */
	void (*changed)(void *context);
	void *context;
};

/* How many there are. */
struct jobs_counts {
	unsigned int sources, incoming; /* with a process */
	unsigned int unauthenticated;	/* of the incoming: not let in yet */
	unsigned int alive;		/* with a process, or not settled */
};

void jobs_init(struct jobs *jobs, uv_loop_t *loop, const struct settings *settings);
/* No job may be alive. */
void jobs_release(struct jobs *jobs);

struct jobs_counts jobs_count(const struct jobs *jobs);
/* The same, as a connection from there meets it. */
struct crowd jobs_crowd(const struct jobs *jobs, const struct address *from);

/* Sends a guest away; the job's number. 0 with a reason if that cannot be. */
uint64_t jobs_migrate(struct jobs *jobs, const struct request *request);

/* Lets a guest in over a connection, which stays the caller's to close. Limits are the caller's too. */
int jobs_receive(struct jobs *jobs, int connection, const struct address *from);

/* By its id, a beginning of that (4 digits or more), or a domain on its way; NULL with a reason. Sources first. */
struct job *jobs_find(const struct jobs *jobs, const char *name);

/* Says why: a job that another process began takes no orders from here. */
void jobs_fail_to_find(const char *name);

/* Descriptions of all that have an id, and of those on disk that pvferryd did not begin (journal_is_recent()). */
struct json_object *jobs_describe(const struct jobs *jobs);

/* Looks up what became of those that died; true if something is left that will settle without being asked about. */
bool jobs_settle(struct jobs *jobs, bool is_last_try);

/* We end: those that can still be given up are, the others may end. */
void jobs_stop(struct jobs *jobs);
/* They had their time. Returns how many were told. */
unsigned int jobs_terminate(struct jobs *jobs);

/* For job.c: forgets one that never became a job, and the oldest of the ended. */
void jobs_tidy(struct jobs *jobs);

#endif
