/*
 * sandbox.c: allowed calls work; each other call ends the process with SIGSYS.
 * What such a process still holds is tested in sandbox-holds.c.
 */
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "process/child.h"
#include "process/sandbox.h"

enum { FAR_MS = 60000 }; /* only a failure waits so long */

static int teardown(void **state)
{
	(void)state;
	fail_forget();
	return 0;
}

/* --- what kills -------------------------------------------------------------- */

static void call_open(void)
{
	close(open("/etc/passwd", O_RDONLY));
}

static void call_creat(void)
{
	close(creat("sandbox-was-here", 0600));
}

static void call_socket(void)
{
	close(socket(AF_INET, SOCK_STREAM, 0));
}

static void call_unix_socket(void)
{
	close(socket(AF_UNIX, SOCK_STREAM, 0));
}

static void call_execve(void)
{
	char *const arguments[] = { "true", NULL };

	execve("/bin/true", arguments, NULL);
}

static void call_fork(void)
{
	if (!fork())
		_exit(0);
}

static void call_kill(void)
{
	kill(getppid(), 0);
}

static void call_tgkill(void)
{
	syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static void call_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void call_unlink(void)
{
	unlink("sandbox-was-here");
}

static void map_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

static void call_ioctl(void)
{
	ioctl(0, 0x305000 /* IOCTL_PRIVCMD_HYPERCALL */, NULL);
}

static void call_send(void)
{
	send(0, "", 0, MSG_NOSIGNAL);
}

static int confined(void *context)
{
	int rc = sandbox_enter(&(struct sandbox){ 0 });

	if (rc)
		return rc;
	((void (*)(void))context)();
	return 0;
}

static void other_calls_kill(void **state)
{
	static void (*const calls[])(void) = { call_open,   call_creat,	 call_socket, call_unix_socket,
					       call_execve, call_fork,	 call_kill,   call_tgkill,
					       call_ptrace, call_unlink, map_code,    make_code,
					       call_ioctl,  call_send };

	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++) {
		int rc = child_run(confined, calls[i]);

		if (rc != -ECHILD || !strstr(fail_reason(), "SIGSYS"))
			fail_test("call %zu: %d \"%s\"", i, rc, fail_reason());
		fail_forget();
	}
	assert_int_not_equal(access("sandbox-was-here", F_OK), 0);
}

/* --- what works --------------------------------------------------------------- */

static void *run_thread(void *argument)
{
	char *at = malloc(1 << 20);

	if (!at)
		return NULL;
	memset(at, 1, 1 << 20);
	free(at);
	return argument;
}

static int start_threads(void)
{
	pthread_t threads[8];
	void *result;

	for (size_t i = 0; i < COUNT(threads); i++)
		if (pthread_create(&threads[i], NULL, run_thread, threads))
			return fail(EAGAIN, "no thread");
	for (size_t i = 0; i < COUNT(threads); i++)
		if (pthread_join(threads[i], &result) || !result)
			return fail(EIO, "a thread failed");
	return 0;
}

static int work(void *context)
{
	int *pipe_fds = context, rc;
	struct pollfd one = { .fd = pipe_fds[0], .events = POLLIN };
	struct timespec now;
	char text[2];

	rc = sandbox_enter(&(struct sandbox){ .keep = pipe_fds, .keep_count = 2, .memory_bytes = 256 << 20 });
	if (rc)
		return rc;
	rc = start_threads();
	if (rc)
		return rc;
	clock_gettime(CLOCK_MONOTONIC, &now);
	say(SAY_DETAIL, "said in the sandbox");
	if (poll(&one, 1, FAR_MS) != 1 || read(pipe_fds[0], text, 2) != 2)
		return fail_errno("read");
	return write(pipe_fds[1], text, 2) == 2 ? 0 : fail_errno("write");
}

static void allowed_calls_work(void **state)
{
	char text[3] = "";
	int to[2], from[2], both[2];
	struct child *child;

	(void)state;
	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	both[0] = to[0];
	both[1] = from[1];
	assert_done(child_start(&child, work, both));
	assert_int_equal(write(to[1], "ok", 2), 2);
	assert_done(child_wait(child));
	assert_int_equal(read(from[0], text, 2), 2);
	assert_string_equal(text, "ok");
	for (int i = 0; i < 2; i++)
		close(to[i]), close(from[i]);
}

static int send_text(void *context)
{
	int fd = *(int *)context;
	int rc = sandbox_enter(&(struct sandbox){ .keep = &fd, .keep_count = 1, .uses_sockets = true });

	return rc ? rc : send(fd, "ok", 2, MSG_NOSIGNAL) == 2 ? 0 : fail_errno("send");
}

static void sockets_may_be_used_if_asked_for(void **state)
{
	char text[3] = "";
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_done(child_run(send_text, &pair[1]));
	assert_int_equal(recv(pair[0], text, 2, MSG_DONTWAIT), 2);
	close(pair[0]);
	close(pair[1]);
}

static int give_reason(void *context)
{
	int rc = sandbox_enter(&(struct sandbox){ 0 });

	(void)context;
	return rc ? rc : fail(ENOENT, "a reason from inside");
}

static void reasons_come_out(void **state)
{
	(void)state;
	assert_fails(child_run(give_reason, NULL), ENOENT, "a reason from inside");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(other_calls_kill),
		TEST(allowed_calls_work),
		TEST(sockets_may_be_used_if_asked_for),
		TEST(reasons_come_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
