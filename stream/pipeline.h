/*
 * Worker threads between one who fills tasks and one who takes them, in the
 * order they were filled:
 *
 *	claim -> fill -> submit -> [work, by any of N threads] -> collect -> release
 *
 * The number of tasks bounds the memory, or what they are charged for. After a failure claim returns NULL, and
 * collect does when it comes to the place of the failure: what was before it
 * in order comes first, so that the outcome does not depend on who was faster.
 * Reasons travel along with errors, from the thread that failed to the one
 * that asks.
 */
#ifndef STREAM_PIPELINE_H
#define STREAM_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

struct pipeline;

struct pipeline_plan {
	const char *name;
	unsigned int threads; /* at least 1 */
	unsigned int tasks;   /* at least 2 */
	size_t task_bytes;    /* each task starts zeroed, and is reused as it was left */
	/* Called by a worker; worker counts from 0. Not 0: the pipeline fails with it. */
	int (*work)(void *task, unsigned int worker, void *context);
	void *context;
	size_t most_bytes; /* that pipeline_charge() lets all tasks hold */
	bool unordered;	   /* no thread collects: a task is released when its work is done */
};

/* Threads a job has unless told otherwise. */
unsigned int default_threads(void);

int pipeline_start(struct pipeline **pipeline, const struct pipeline_plan *plan);

/*
 * One call of work(), in a thread of its own beside the caller, with neither task
 * nor worker that mean anything. pipeline_stop() waits for it.
 */
int pipeline_beside(struct pipeline **pipeline, const char *name,
		    int (*work)(void *task, unsigned int worker, void *context), void *context);

/* A free task, waiting for one; NULL after a failure, which pipeline_stop() tells. One thread. */
void *pipeline_claim(struct pipeline *pipeline);
/*
 * For the one who fills: waits until so many bytes more are within most_bytes; false after a
 * failure. Whatever the threads are, no more memory is taken than that.
 */
bool pipeline_charge(struct pipeline *pipeline, size_t bytes);
/* They were given back. Any thread. */
void pipeline_discharge(struct pipeline *pipeline, size_t bytes);
void pipeline_submit(struct pipeline *pipeline, void *task);
/* No more tasks will be submitted; for a reason, if error is not 0. */
void pipeline_end(struct pipeline *pipeline, int error);
/*
 * Waits until all that was submitted is worked and (unordered) released: 0. Or, after a failure,
 * until no worker is at work any more: what they used may be taken away then.
 */
int pipeline_drain(struct pipeline *pipeline);

/* The next task in order, its work done; NULL at the end or after a failure. One thread. */
void *pipeline_collect(struct pipeline *pipeline);
/* Back to the free tasks. Any thread, any order. */
void pipeline_release(struct pipeline *pipeline, void *task);

/* Stops all threads at once, for a reason found outside a worker. */
void pipeline_fail(struct pipeline *pipeline, int error);
/* What claim or collect returned NULL for; 0 at the end. */
int pipeline_error(struct pipeline *pipeline);

/*
 * Waits for the workers, calls free_task (may be NULL) on each task, frees all.
 * Returns the first failure. NULL is fine. Claims and collects must be over.
 */
int pipeline_stop(struct pipeline *pipeline, void (*free_task)(void *task, void *context));

#endif
