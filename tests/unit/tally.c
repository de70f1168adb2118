/* journal/tally.c: jobs that are added up, by several processes at once, and files that make no sense. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/tally.h"

static char folder[64], path[96];

static int setup(void **state)
{
	char jobs[96];

	(void)state;
	strcpy(folder, "/tmp/tally-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/tally", folder);
	snprintf(jobs, sizeof(jobs), "%s/jobs", folder);
	setenv("PVFERRY_STATE", jobs, 1);
	fail_forget();
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command); /* the folder's name is mkdtemp's */
}

static struct tally_job job_of(enum tally_kind kind, enum tally_result result, int error)
{
	return (struct tally_job){ .kind = kind, .result = result, .error = error, .ms = { -1, -1, -1 } };
}

static struct tally tally_now(void)
{
	struct tally tally;

	assert_done(tally_read(&tally));
	return tally;
}

static void put(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void nothing_yet_is_zero(void **state)
{
	static const struct tally zero;
	struct tally tally = tally_now();

	(void)state;
	assert_memory_equal(&tally, &zero, sizeof(zero));
}

static void jobs_add_up(void **state)
{
	struct tally_job job = job_of(TALLY_MIGRATE, TALLY_COMPLETED, 0);
	struct tally tally;

	(void)state;
	job.bytes = 1000;
	job.ms[TALLY_DURATION] = 20000;
	job.ms[TALLY_DOWNTIME] = 30;
	tally_add(&job);
	job.ms[TALLY_DOWNTIME] = 31;
	tally_add(&job);
	job.ms[TALLY_DOWNTIME] = 0;
	tally_add(&job);
	job.ms[TALLY_DOWNTIME] = 4000000;
	tally_add(&job);
	job = job_of(TALLY_SAVE, TALLY_FAILED, ENOSPC);
	tally_add(&job);
	job = job_of(TALLY_SAVE, TALLY_CANCELLED, ECANCELED);
	tally_add(&job);
	tally = tally_now();
	assert_int_equal(tally.of[TALLY_MIGRATE].results[TALLY_COMPLETED], 4);
	assert_int_equal(tally.of[TALLY_MIGRATE].bytes, 4000);
	assert_int_equal(tally.of[TALLY_MIGRATE].times[TALLY_DURATION].bucket[7], 4);
	assert_int_equal(tally.of[TALLY_MIGRATE].times[TALLY_DURATION].sum_ms, 80000);
	assert_int_equal(tally.of[TALLY_MIGRATE].times[TALLY_DOWNTIME].bucket[0], 1);
	assert_int_equal(tally.of[TALLY_MIGRATE].times[TALLY_DOWNTIME].bucket[1],
			 1); /* a bound is its bucket's */
	assert_int_equal(tally.of[TALLY_MIGRATE].times[TALLY_DOWNTIME].bucket[2], 1);
	assert_int_equal(tally.of[TALLY_MIGRATE].times[TALLY_DOWNTIME].bucket[TALLY_BOUNDS], 1);
	assert_int_equal(tally.of[TALLY_MIGRATE].times[TALLY_SUSPEND].sum_ms, 0);
	assert_int_equal(tally.of[TALLY_SAVE].results[TALLY_FAILED], 1);
	assert_int_equal(tally.of[TALLY_SAVE].results[TALLY_CANCELLED], 1);
	assert_int_equal(tally.of[TALLY_SAVE].reasons[TALLY_STORAGE], 1);
	assert_int_equal(tally.of[TALLY_RESTORE].results[TALLY_FAILED], 0);
}

/* None is lost when many end at once. */
static void processes_do_not_lose_each_other(void **state)
{
	enum { PROCESSES = 8, EACH = 20 };
	struct tally_job job = job_of(TALLY_RECEIVE, TALLY_COMPLETED, 0);
	int status;

	(void)state;
	job.bytes = 1;
	for (int i = 0; i < PROCESSES; i++)
		if (!fork()) {
			for (int j = 0; j < EACH; j++)
				tally_add(&job);
			_exit(0);
		}
	while (wait(&status) > 0)
		assert_int_equal(status, 0);
	assert_int_equal(tally_now().of[TALLY_RECEIVE].results[TALLY_COMPLETED], PROCESSES * EACH);
	assert_int_equal(tally_now().of[TALLY_RECEIVE].bytes, PROCESSES * EACH);
}

static void what_makes_no_sense_is_passed_over(void **state)
{
	struct tally_job job = job_of(TALLY_SAVE, TALLY_COMPLETED, 0);

	(void)state;
	put("save.completed 7\nsave.completed\nsave.other 9\nnonsense\n\nsave.bytes -1\nsave.bytes "
	    "99999999999999999999\n"
	    "restore.failed 1x\nrestore.failed 3");
	tally_add(&job);
	assert_int_equal(tally_now().of[TALLY_SAVE].results[TALLY_COMPLETED], 8);
	assert_int_equal(tally_now().of[TALLY_SAVE].bytes, 0);
	assert_int_equal(tally_now().of[TALLY_RESTORE].results[TALLY_FAILED], 3);
}

/* The reason of the job that ends is not the tally's to lose, nor is a full disk the job's failure. */
static void a_failure_to_count_changes_nothing(void **state)
{
	struct tally_job job = job_of(TALLY_SAVE, TALLY_COMPLETED, 0);
	char jobs[96];

	(void)state;
	fail(ENOSPC, "the disk is full");
	tally_add(&job);
	assert_string_equal(fail_reason(), "the disk is full");
	assert_int_equal(fail_error(), ENOSPC);
	snprintf(jobs, sizeof(jobs), "%s/no/such/jobs", folder);
	setenv("PVFERRY_STATE", jobs, 1);
	tally_add(&job);
	assert_string_equal(fail_reason(), "the disk is full");
	fail_forget();
	assert_int_equal(fail_error(), 0);
	tally_add(&job);
	assert_string_equal(fail_reason(), "");
}

static void errors_have_a_class(void **state)
{
	(void)state;
	assert_string_equal(tally_reason_name(tally_reason_of(ECONNREFUSED)), "connection");
	assert_string_equal(tally_reason_name(tally_reason_of(EACCES)), "refused");
	assert_string_equal(tally_reason_name(tally_reason_of(ETIMEDOUT)), "timeout");
	assert_string_equal(tally_reason_name(tally_reason_of(EROFS)), "storage");
	assert_string_equal(tally_reason_name(tally_reason_of(EXDEV)), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_yet_is_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(jobs_add_up, setup, teardown),
		cmocka_unit_test_setup_teardown(processes_do_not_lose_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(what_makes_no_sense_is_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failure_to_count_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_have_a_class, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
