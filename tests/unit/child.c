/* child.c: a child's outcome is ours, and so is the news of its death. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process/child.h"

static int teardown(void **state)
{
	(void)state;
	fail_forget();
	return 0;
}

static int add(void *context)
{
	*(int *)context += 1;
	return 0;
}

static int refuse(void *context)
{
	(void)context;
	return fail(ENOENT, "the child's own reason");
}

static int die(void *context)
{
	return raise(*(int *)context);
}

static int leave(void *context)
{
	(void)context;
	_exit(3);
}

static void work_is_done_beside_us(void **state)
{
	int *shared = child_share(sizeof(*shared)), own = 5;

	(void)state;
	assert_int_equal(*shared, 0);
	assert_done(child_run(add, shared));
	assert_int_equal(*shared, 1);
	assert_done(child_run(add, &own));
	assert_int_equal(own, 5);
	child_unshare(shared, sizeof(*shared));
	child_unshare(NULL, sizeof(*shared));
}

/* As a program sees it, which has only the descriptor. */
static int add_by_descriptor(void *context)
{
	int *at = mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE, MAP_SHARED, *(int *)context, 0);

	return at == MAP_FAILED ? fail_errno("mmap") : add(at);
}

static void memory_has_a_descriptor(void **state)
{
	int fd, *shared = child_share_file(sizeof(*shared), &fd);

	(void)state;
	assert_non_null(shared);
	assert_int_equal(*shared, 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_done(child_run(add_by_descriptor, &fd));
	assert_int_equal(*shared, 1);
	child_unshare(shared, sizeof(*shared));
	close(fd);
}

static void reason_comes_over(void **state)
{
	(void)state;
	assert_fails(child_run(refuse, NULL), ENOENT, "the child's own reason");
}

static void death_is_told(void **state)
{
	int signal_number = SIGKILL;

	(void)state;
	assert_fails(child_run(die, &signal_number), ECHILD, "died of SIGKILL");
	assert_fails(child_run(leave, NULL), ECHILD, "gave up");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(work_is_done_beside_us),
		TEST(memory_has_a_descriptor),
		TEST(reason_comes_over),
		TEST(death_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
