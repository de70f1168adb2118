/*
 * stream/pipeline.c: order is kept whoever works, memory stays bounded, and a
 * failure stops everybody. A test that hangs here has found something.
 */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "stream/pipeline.h"

enum { JOBS = 6, RUNS = 2000 };

struct task {
	unsigned long number, worked;
	unsigned int freed;
};

static struct pipeline *pipeline;
static atomic_ulong worked, freed, fail_at;
static atomic_bool gate; /* closed: workers wait */

static int work(void *argument, unsigned int worker, void *context)
{
	struct task *task = argument;

	if (context != &pipeline || worker >= 4)
		abort();
	while (gate)
		usleep(100);
	if (task->number % 7 == 3)
		usleep(task->number % 11 * 10); /* so that later ones overtake */
	task->worked = task->number * 3;
	atomic_fetch_add(&worked, 1);
	return fail_at && task->number == fail_at ? -EBADMSG : 0;
}

static void start(unsigned int threads, bool unordered)
{
	struct pipeline_plan plan = {
		.name = "test",
		.threads = threads,
		.tasks = JOBS,
		.task_bytes = sizeof(struct task),
		.work = work,
		.context = &pipeline,
		.unordered = unordered,
	};

	worked = freed = fail_at = 0;
	gate = false;
	assert_done(pipeline_start(&pipeline, &plan));
}

static void free_task(void *task, void *context)
{
	(void)task;
	if (context == &pipeline)
		freed++;
}

/* Fills and submits tasks until all are in or a task has failed. */
static void *fill(void *argument)
{
	unsigned long *filled = argument;

	for (unsigned long i = 0; i < RUNS; i++) {
		struct task *task = pipeline_claim(pipeline);

		if (!task)
			break;
		task->number = i;
		pipeline_submit(pipeline, task);
		++*filled;
	}
	pipeline_end(pipeline, 0);
	return NULL;
}

static void order_is_kept(void **state)
{
	(void)state;
	for (unsigned int threads = 1; threads <= 4; threads++) {
		unsigned long filled = 0, next = 0;
		pthread_t filler;
		struct task *task;

		start(threads, false);
		pthread_create(&filler, NULL, fill, &filled);
		while ((task = pipeline_collect(pipeline))) {
			assert_int_equal(task->number, next++);
			assert_int_equal(task->worked, task->number * 3);
			pipeline_release(pipeline, task);
		}
		pthread_join(filler, NULL);
		assert_int_equal(next, RUNS);
		assert_int_equal(pipeline_error(pipeline), 0);
		assert_int_equal(pipeline_stop(pipeline, free_task), 0);
		assert_int_equal(freed, JOBS);
	}
}

static void *claim_one(void *argument)
{
	*(void **)argument = pipeline_claim(pipeline);
	return NULL;
}

static void claim_waits_for_a_free_job(void **state)
{
	struct task *tasks[JOBS], *collected;
	void *late = NULL;
	pthread_t claimer;

	(void)state;
	start(2, false);
	for (int i = 0; i < JOBS; i++) {
		tasks[i] = pipeline_claim(pipeline);
		for (int j = 0; j < i; j++)
			assert_ptr_not_equal(tasks[i], tasks[j]);
		assert_int_equal(tasks[i]->number, 0);
		tasks[i]->number = i;
		pipeline_submit(pipeline, tasks[i]);
	}
	pthread_create(&claimer, NULL, claim_one, &late);
	collected = pipeline_collect(pipeline);
	assert_ptr_equal(collected, tasks[0]);
	usleep(20000);
	assert_null(__atomic_load_n(&late, __ATOMIC_RELAXED));
	pipeline_release(pipeline, collected);
	pthread_join(claimer, NULL);
	assert_ptr_equal(late, tasks[0]);
	assert_int_equal(pipeline_stop(pipeline, NULL), 0);
}

static void worker_that_fails_stops_everybody(void **state)
{
	unsigned long filled = 0, next = 0;
	pthread_t filler;
	struct task *task;

	(void)state;
	start(4, false);
	fail_at = 500;
	pthread_create(&filler, NULL, fill, &filled);
	while ((task = pipeline_collect(pipeline))) {
		assert_int_equal(task->number, next++);
		pipeline_release(pipeline, task);
	}
	pthread_join(filler, NULL);
	assert_true(next <= 501);
	assert_true(filled >= 501 && filled <= 500 + 2 * JOBS);
	assert_int_equal(pipeline_error(pipeline), -EBADMSG);
	assert_null(pipeline_claim(pipeline));
	assert_int_equal(pipeline_drain(pipeline), -EBADMSG);
	assert_int_equal(pipeline_stop(pipeline, free_task), -EBADMSG);
	assert_int_equal(freed, JOBS);
}

static void failure_from_outside_stops_everybody(void **state)
{
	unsigned long filled = 0;
	pthread_t filler;

	(void)state;
	start(3, false);
	pthread_create(&filler, NULL, fill, &filled);
	usleep(5000); /* the filler stands in claim: nobody collects */
	pipeline_fail(pipeline, -ECANCELED);
	pipeline_fail(pipeline, -EIO);
	pthread_join(filler, NULL);
	assert_true(filled <= JOBS);
	assert_null(pipeline_collect(pipeline));
	assert_int_equal(pipeline_stop(pipeline, NULL), -ECANCELED);
}

static void unordered_jobs_come_back_by_themselves(void **state)
{
	unsigned long filled = 0;

	(void)state;
	start(4, true);
	fill(&filled);
	assert_int_equal(filled, RUNS);
	assert_int_equal(pipeline_drain(pipeline), 0);
	assert_int_equal(worked, RUNS);
	assert_int_equal(pipeline_stop(pipeline, NULL), 0);
}

static void *drain(void *argument)
{
	*(int *)argument = pipeline_drain(pipeline);
	return NULL;
}

static void drain_waits_for_the_last(void **state)
{
	struct task *task;
	pthread_t drainer;
	int result = 1;

	(void)state;
	start(2, true);
	gate = true;
	task = pipeline_claim(pipeline);
	pipeline_submit(pipeline, task);
	pthread_create(&drainer, NULL, drain, &result);
	usleep(20000);
	assert_int_equal(__atomic_load_n(&result, __ATOMIC_RELAXED), 1);
	gate = false;
	pthread_join(drainer, NULL);
	assert_int_equal(result, 0);
	assert_int_equal(worked, 1);
	/* And it goes on after it. */
	task = pipeline_claim(pipeline);
	pipeline_submit(pipeline, task);
	assert_int_equal(pipeline_drain(pipeline), 0);
	assert_int_equal(worked, 2);
	assert_int_equal(pipeline_stop(pipeline, NULL), 0);
}

/* Job 0 waits at the gate, task 1 has failed. */
static int fail_beside(void *argument, unsigned int worker, void *context)
{
	struct task *task = argument;

	(void)worker, (void)context;
	if (task->number)
		return -EBADMSG;
	while (gate)
		usleep(100);
	worked++;
	return 0;
}

static void drain_waits_for_workers_after_a_failure(void **state)
{
	struct pipeline_plan plan = { .name = "test",
				      .threads = 2,
				      .tasks = JOBS,
				      .task_bytes = sizeof(struct task),
				      .work = fail_beside,
				      .unordered = true };
	pthread_t drainer;
	int result = 1;

	(void)state;
	worked = 0;
	gate = true;
	assert_done(pipeline_start(&pipeline, &plan));
	for (unsigned long i = 0; i < 2; i++) {
		struct task *task = pipeline_claim(pipeline);

		task->number = i;
		pipeline_submit(pipeline, task);
	}
	while (!pipeline_error(pipeline))
		usleep(100);
	pthread_create(&drainer, NULL, drain, &result);
	usleep(20000);
	assert_int_equal(__atomic_load_n(&result, __ATOMIC_RELAXED), 1);
	gate = false;
	pthread_join(drainer, NULL);
	assert_int_equal(result, -EBADMSG);
	assert_int_equal(worked, 1);
	assert_int_equal(pipeline_stop(pipeline, NULL), -EBADMSG);
}

static void unordered_failure_reaches_the_filler(void **state)
{
	unsigned long filled = 0;

	(void)state;
	start(4, true);
	fail_at = 100;
	fill(&filled);
	assert_true(filled < RUNS);
	assert_int_equal(pipeline_drain(pipeline), -EBADMSG);
	assert_int_equal(pipeline_stop(pipeline, NULL), -EBADMSG);
}

static void nothing_submitted_is_the_end(void **state)
{
	(void)state;
	start(2, false);
	pipeline_end(pipeline, 0);
	assert_null(pipeline_collect(pipeline));
	assert_int_equal(pipeline_error(pipeline), 0);
	assert_int_equal(pipeline_stop(pipeline, NULL), 0);
	assert_int_equal(pipeline_stop(NULL, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_kept),
		cmocka_unit_test(claim_waits_for_a_free_job),
		cmocka_unit_test(worker_that_fails_stops_everybody),
		cmocka_unit_test(failure_from_outside_stops_everybody),
		cmocka_unit_test(unordered_jobs_come_back_by_themselves),
		cmocka_unit_test(drain_waits_for_the_last),
		cmocka_unit_test(drain_waits_for_workers_after_a_failure),
		cmocka_unit_test(unordered_failure_reaches_the_filler),
		cmocka_unit_test(nothing_submitted_is_the_end),
	};

	alarm(120); /* whoever still waits then waits for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
