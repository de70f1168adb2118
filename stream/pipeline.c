/*
 * See pipeline.h. A ring of submitted tasks; three cursors run round it:
 * submitted >= started >= collected. Free tasks are a stack. Tasks start in order.
 */
#include "stream/pipeline.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"

struct failure {
	int error;
	char reason[512];
};

struct slot {
	void *task;
	bool done;
	struct failure failure;
};

struct pipeline {
	struct pipeline_plan plan;
	pthread_mutex_t lock;
	/* Each wakes only those who can go on: needless wake-ups are what such a thing costs. */
	pthread_cond_t work_ready; /* workers wait */
	pthread_cond_t job_free;   /* claim, charge and drain wait */
	pthread_cond_t work_done;  /* collect waits */
	pthread_t *threads;
	unsigned int started_threads;
	char *tasks;
	void **free_tasks;
	unsigned int free_count;
	struct slot *ring; /* plan.tasks of them */
	unsigned long submitted, started, collected;
	size_t charged;
	unsigned int working; /* threads that are inside work() */
	bool ended;
	bool has_failed;	/* a worker: no task is started any more */
	struct failure end;	/* the one who submits gave up */
	struct failure failure; /* stops all threads */
};

struct worker {
	struct pipeline *pipeline;
	unsigned int number;
};

static void push_free(struct pipeline *p, void *task)
{
	p->free_tasks[p->free_count++] = task;
}

static void wake_all(struct pipeline *p)
{
	pthread_cond_broadcast(&p->work_ready);
	pthread_cond_broadcast(&p->job_free);
	pthread_cond_broadcast(&p->work_done);
}

/* Of the thread that failed. */
static struct failure failure_here(int error)
{
	struct failure failure = { .error = error };

	if (error)
		snprintf(failure.reason, sizeof(failure.reason), "%s", fail_reason());
	return failure;
}

/* In the thread that asks. */
static int fail_here(const struct failure *failure)
{
	if (failure->error && failure->reason[0])
		return fail(-failure->error, "%s", failure->reason);
	return failure->error;
}

static void stop_all(struct pipeline *p, const struct failure *failure)
{
	if (failure->error && !p->failure.error)
		p->failure = *failure;
	wake_all(p);
}

static bool take_work(struct pipeline *p, struct slot **slot)
{
	while (!p->failure.error && !p->has_failed && p->started == p->submitted && !p->ended)
		pthread_cond_wait(&p->work_ready, &p->lock);
	if (p->failure.error || p->has_failed || p->started == p->submitted)
		return false;
	*slot = &p->ring[p->started++ % p->plan.tasks];
	p->working++;
	return true;
}

static bool is_next_ready(struct pipeline *p)
{
	return p->collected != p->submitted && p->ring[p->collected % p->plan.tasks].done;
}

/* In an unordered pipeline the ring's slot is free as soon as it is the oldest. */
static void finish_work(struct pipeline *p, struct slot *slot)
{
	slot->done = true;
	p->working--;
	if (p->failure.error || p->has_failed)
		pthread_cond_signal(&p->job_free); /* drain waits for the last one at work */
	if (!p->plan.unordered) {
		if (is_next_ready(p))
			pthread_cond_signal(&p->work_done);
		return;
	}
	push_free(p, slot->task);
	while (p->collected < p->started && p->ring[p->collected % p->plan.tasks].done)
		p->collected++;
	pthread_cond_signal(&p->job_free);
}

static void fail_work(struct pipeline *p, struct slot *slot, int error)
{
	slot->failure = failure_here(error);
	p->has_failed = true;
	if (p->plan.unordered)
		stop_all(p, &slot->failure);
	else
		wake_all(p);
}

static void *run_worker(void *argument)
{
	struct worker worker = *(struct worker *)argument;
	struct pipeline *p = worker.pipeline;
	struct slot *slot;

	free(argument);
	pthread_mutex_lock(&p->lock);
	while (take_work(p, &slot)) {
		int rc;

		pthread_mutex_unlock(&p->lock);
		rc = p->plan.work(slot->task, worker.number, p->plan.context);
		pthread_mutex_lock(&p->lock);
		if (rc)
			fail_work(p, slot, rc);
		finish_work(p, slot);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int start_threads(struct pipeline *p)
{
	for (unsigned int i = 0; i < p->plan.threads; i++) {
		struct worker *worker = malloc(sizeof(*worker));

		if (!worker)
			return fail(ENOMEM, "out of memory");
		*worker = (struct worker){ p, i };
		if (pthread_create(&p->threads[i], NULL, run_worker, worker)) {
			free(worker);
			return fail(EAGAIN, "cannot start a thread");
		}
		p->started_threads++;
	}
	return 0;
}

int pipeline_start(struct pipeline **pipeline, const struct pipeline_plan *plan)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	int rc;

	*pipeline = p;
	if (!p)
		return fail(ENOMEM, "out of memory");
	p->plan = *plan;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work_ready, NULL);
	pthread_cond_init(&p->job_free, NULL);
	pthread_cond_init(&p->work_done, NULL);
	p->threads = calloc(plan->threads, sizeof(*p->threads));
	p->tasks = calloc(plan->tasks, plan->task_bytes);
	p->free_tasks = calloc(plan->tasks, sizeof(*p->free_tasks));
	p->ring = calloc(plan->tasks, sizeof(*p->ring));
	rc = p->threads && p->tasks && p->free_tasks && p->ring ? 0 : fail(ENOMEM, "out of memory");
	for (unsigned int i = 0; !rc && i < plan->tasks; i++)
		push_free(p, p->tasks + i * plan->task_bytes);
	if (!rc)
		rc = start_threads(p);
	if (rc) {
		pipeline_fail(p, rc);
		pipeline_stop(p, NULL);
		*pipeline = NULL;
	}
	return rc;
}

void *pipeline_claim(struct pipeline *p)
{
	void *task = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->failure.error && !p->has_failed &&
	       (!p->free_count || p->submitted - p->collected == p->plan.tasks))
		pthread_cond_wait(&p->job_free, &p->lock);
	if (!p->failure.error && !p->has_failed)
		task = p->free_tasks[--p->free_count];
	pthread_mutex_unlock(&p->lock);
	return task;
}

bool pipeline_charge(struct pipeline *p, size_t bytes)
{
	bool is_granted;

	assert(bytes <= p->plan.most_bytes);
	pthread_mutex_lock(&p->lock);
	while (!p->failure.error && !p->has_failed && p->plan.most_bytes - p->charged < bytes)
		pthread_cond_wait(&p->job_free, &p->lock);
	is_granted = !p->failure.error && !p->has_failed;
	p->charged += is_granted ? bytes : 0;
	pthread_mutex_unlock(&p->lock);
	return is_granted;
}

void pipeline_discharge(struct pipeline *p, size_t bytes)
{
	pthread_mutex_lock(&p->lock);
	p->charged -= bytes;
	pthread_cond_signal(&p->job_free);
	pthread_mutex_unlock(&p->lock);
}

void pipeline_submit(struct pipeline *p, void *task)
{
	pthread_mutex_lock(&p->lock);
	p->ring[p->submitted++ % p->plan.tasks] = (struct slot){ .task = task };
	pthread_cond_signal(&p->work_ready);
	pthread_mutex_unlock(&p->lock);
}

void pipeline_end(struct pipeline *p, int error)
{
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	if (!p->end.error)
		p->end = failure_here(error);
	wake_all(p);
	pthread_mutex_unlock(&p->lock);
}

int pipeline_drain(struct pipeline *p)
{
	struct failure failure;

	pthread_mutex_lock(&p->lock);
	while (p->failure.error ? p->working : p->collected != p->submitted)
		pthread_cond_wait(&p->job_free, &p->lock);
	failure = p->failure;
	pthread_mutex_unlock(&p->lock);
	return fail_here(&failure);
}

void *pipeline_collect(struct pipeline *p)
{
	struct slot *slot = NULL;
	void *task = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->failure.error && !is_next_ready(p) && !(p->ended && p->collected == p->submitted))
		pthread_cond_wait(&p->work_done, &p->lock);
	if (!p->failure.error && is_next_ready(p))
		slot = &p->ring[p->collected % p->plan.tasks];
	if (!slot || slot->failure.error) {
		stop_all(p, slot ? &slot->failure : &p->end);
	} else {
		task = slot->task;
		p->collected++;
		pthread_cond_signal(&p->job_free);
	}
	pthread_mutex_unlock(&p->lock);
	return task;
}

void pipeline_release(struct pipeline *p, void *task)
{
	pthread_mutex_lock(&p->lock);
	push_free(p, task);
	pthread_cond_signal(&p->job_free);
	pthread_mutex_unlock(&p->lock);
}

void pipeline_fail(struct pipeline *p, int error)
{
	struct failure failure = failure_here(error);

	pthread_mutex_lock(&p->lock);
	stop_all(p, &failure);
	pthread_mutex_unlock(&p->lock);
}

int pipeline_error(struct pipeline *p)
{
	struct failure failure;

	pthread_mutex_lock(&p->lock);
	failure = p->failure;
	if (!failure.error && p->has_failed)
		failure.error = -ECANCELED; /* the collector will come to the reason */
	pthread_mutex_unlock(&p->lock);
	return fail_here(&failure);
}

/* With all threads gone: the first failure that was not collected yet. */
static void find_failure(struct pipeline *p)
{
	for (unsigned long i = p->collected; i < p->started; i++)
		stop_all(p, &p->ring[i % p->plan.tasks].failure);
	stop_all(p, &p->end);
}

int pipeline_stop(struct pipeline *p, void (*free_task)(void *task, void *context))
{
	int error;

	if (!p)
		return 0;
	pipeline_end(p, 0);
	for (unsigned int i = 0; i < p->started_threads; i++)
		pthread_join(p->threads[i], NULL);
	for (unsigned int i = 0; free_task && p->tasks && i < p->plan.tasks; i++)
		free_task(p->tasks + i * p->plan.task_bytes, p->plan.context);
	find_failure(p);
	error = fail_here(&p->failure);
	pthread_cond_destroy(&p->work_ready);
	pthread_cond_destroy(&p->job_free);
	pthread_cond_destroy(&p->work_done);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p->tasks);
	free(p->free_tasks);
	free(p->ring);
	free(p);
	return error;
}
