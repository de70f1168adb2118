/* journal/lock.c: it is known which job, name and domain a process is at work on, and when it has ended. */
#include "unit.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/child.h"
#include "journal/journal.h"

static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/pvferry-lock-XXXXXX");
	assert_non_null(mkdtemp(folder));
	setenv("PVFERRY_RUN", folder, 1);
	/* A save to another disk needs no journal, nor does a lock. */
	setenv("PVFERRY_STATE", "/proc/none/jobs", 1);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	fail_forget();
	return system(command);
}

static int try_lock(void *job)
{
	int fd, rc = journal_lock(job, JOURNAL_SOURCE, &fd);

	return rc;
}

/* Who holds it: we and our children; all of them must be gone. */
static void a_lock_is_held_until_the_last_one_ends(void **state)
{
	char job[JOB_DIGITS + 1];
	pid_t heir;
	int lock, again;

	(void)state;
	assert_done(job_name(job));
	assert_done(journal_lock(job, JOURNAL_SOURCE, &lock));
	assert_fails(child_run(try_lock, job), EBUSY, "still at work");
	heir = fork();
	if (!heir)
		_exit(pause());
	close(lock);
	assert_fails(journal_lock(job, JOURNAL_SOURCE, &again), EBUSY, "still at work");
	journal_sweep();
	assert_fails(journal_lock(job, JOURNAL_SOURCE, &again), EBUSY, "still at work");
	kill(heir, SIGKILL);
	waitpid(heir, NULL, 0);
	assert_done(journal_lock(job, JOURNAL_SOURCE, &again));
	journal_unlock(job, JOURNAL_SOURCE, again);
}

static void a_domain_is_one_jobs(void **state)
{
	int name, id, again = -1;

	(void)state;
	assert_done(journal_lock_name("web1", &name));
	assert_done(journal_lock_domain(7, &id));
	assert_fails(journal_lock_name("web1", &again), EBUSY, "at work on domain \"web1\"");
	assert_fails(journal_lock_domain(7, &again), EBUSY, "at work on domain \"7\"");
	assert_int_equal(again, -1);
	journal_unlock_name("web1", again); /* those that were refused */
	assert_fails(journal_lock_name("web1", &again), EBUSY, "at work");
	journal_unlock_name("web1", name);
	journal_unlock_domain(7, id);
	assert_done(journal_lock_name("web1", &name));
	assert_done(journal_lock_domain(7, &id));
	journal_unlock_name("web1", name);
	journal_unlock_domain(7, id);
}

/* Of the file that the descriptor was opened from. */
static void path_of(int fd, char path[JOURNAL_PATH_ROOM])
{
	char link[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, JOURNAL_PATH_ROOM - 1);
	assert_true(length > 0);
	path[length] = '\0';
}

static void dead_locks_are_swept(void **state)
{
	char job[JOB_DIGITS + 1], path[JOURNAL_PATH_ROOM];
	int lock;

	(void)state;
	assert_done(job_name(job));
	assert_done(journal_lock(job, JOURNAL_SOURCE, &lock));
	path_of(lock, path);
	close(lock);
	assert_int_equal(access(path, F_OK), 0);
	journal_sweep();
	assert_int_not_equal(access(path, F_OK), 0);
}

static char held_path[JOURNAL_PATH_ROOM];
static int first_holder = -1, second_holder = -1;
static bool is_about_to_end;

/*
 * Stands before the C library's in this program. Just before the sweep gets
 * the lock of the file that it has opened, the lock's holder ends, and
 * another takes a lock of that name.
 */
int flock(int fd, int operation)
{
	if (is_about_to_end) {
		int ended = first_holder;

		is_about_to_end = false;
		assert_int_equal(unlink(held_path), 0);
		close(ended);
		assert_done(journal_lock_name("web1", &second_holder));
	}
	return syscall(SYS_flock, fd, operation);
}

static void a_lock_that_lives_is_not_swept(void **state)
{
	int again;

	(void)state;
	assert_done(journal_lock_name("web1", &first_holder));
	path_of(first_holder, held_path);
	is_about_to_end = true;
	journal_sweep();
	assert_true(second_holder >= 0);
	assert_int_equal(access(held_path, F_OK), 0);
	assert_fails(journal_lock_name("web1", &again), EBUSY, "at work");
	journal_unlock_name("web1", second_holder);
	assert_int_not_equal(access(held_path, F_OK), 0);
}

/* Domain 0 gets smaller for one at a time, and no domain is held by that. */
static void domain_0s_size_is_one_jobs(void **state)
{
	char path[128];
	int lock, again;

	(void)state;
	snprintf(path, sizeof(path), "%s/memory.lock", folder);
	assert_done(journal_lock_memory(&lock));
	assert_fails(journal_lock_memory(&again), EBUSY, "domain 0 gets smaller for another domain");
	assert_false(journal_is_domain_held(0));
	journal_unlock_memory(lock);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_done(journal_lock_memory(&lock));
	journal_unlock_memory(lock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_lock_is_held_until_the_last_one_ends),
		TEST(a_domain_is_one_jobs),
		TEST(dead_locks_are_swept),
		TEST(a_lock_that_lives_is_not_swept),
		TEST(domain_0s_size_is_one_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
