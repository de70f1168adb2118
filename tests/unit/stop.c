/* stop.c: a stop that one process of a job hears is heard by all, by a program that joined too. */
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/stop.h"

static int setup(void **state)
{
	(void)state;
	return stop_on_signals();
}

static int teardown(void **state)
{
	(void)state;
	fail_forget();
	return 0;
}

static bool is_readable(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return poll(&poller, 1, 0) == 1;
}

/* In a process that joins by the two descriptors, as an exec'ed one does. */
static int in_a_program(int (*work)(void))
{
	int fds[2], status;
	pid_t child;

	stop_share(fds);
	child = fork();
	if (!child) {
		fds[0] = dup(fds[0]);
		fds[1] = dup(fds[1]);
		_exit(stop_join(fds) ? 99 : work());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int is_told(void)
{
	return stop_requested() == -ECANCELED;
}

static int is_not_told(void)
{
	return stop_requested() == 0;
}

static int hears_a_signal(void)
{
	raise(SIGTERM);
	return is_told();
}

static void program_tells_us(void **state)
{
	(void)state;
	assert_false(is_readable(stop_fd()));
	assert_done(stop_requested());
	assert_int_equal(in_a_program(hears_a_signal), 1);
	assert_true(is_readable(stop_fd()));
	assert_fails(stop_requested(), ECANCELED, "stopped by SIGTERM");
}

static void we_tell_the_program(void **state)
{
	(void)state;
	assert_int_equal(in_a_program(is_not_told), 1);
	stop_ask();
	assert_int_equal(in_a_program(is_told), 1);
	assert_true(stop_was_asked());
}

/* What is under way is finished; only then the signal is heard, also by who polls. */
static void first_is_held(void **state)
{
	(void)state;
	stop_hold();
	raise(SIGTERM);
	assert_done(stop_requested());
	assert_false(is_readable(stop_fd()));
	stop_release();
	assert_true(is_readable(stop_fd()));
	assert_fails(stop_requested(), ECANCELED, "stopped by SIGTERM");
}

static void second_is_not_held(void **state)
{
	(void)state;
	stop_hold();
	raise(SIGTERM);
	raise(SIGTERM);
	assert_fails(stop_requested(), ECANCELED, "stopped by SIGTERM");
	stop_release();
}

/* Every other signal means now; and what came while nothing was held is not held later. */
static void others_are_not_held(void **state)
{
	(void)state;
	stop_hold();
	stop_release();
	assert_done(stop_requested());
	stop_hold();
	raise(SIGUSR1);
	assert_fails(stop_requested(), ECANCELED, "stopped by SIGUSR1");
	stop_release();
}

/* The one that holds is told by the one that does not. */
static void a_child_holds_nothing(void **state)
{
	(void)state;
	stop_hold();
	assert_int_equal(in_a_program(hears_a_signal), 1);
	assert_fails(stop_requested(), ECANCELED, "stopped by SIGTERM");
	stop_release();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(program_tells_us),	  TEST(we_tell_the_program), TEST(first_is_held),
		TEST(second_is_not_held), TEST(others_are_not_held), TEST(a_child_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
