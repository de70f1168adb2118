/*
 * sandbox.c: the process has another user, no capabilities, no descriptors but those that it was to keep,
 * a limit of memory; and it dies with its parent.
 */
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "process/child.h"
#include "process/sandbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized;
#endif

enum { FAR_MS = 60000 }; /* only a failure waits so long */

static int teardown(void **state)
{
	(void)state;
	fail_forget();
	return 0;
}

struct confined_pair {
	int ready[2], stay[2];
};

static int stay(void *context)
{
	struct confined_pair *pair = context;
	int keep[2] = { pair->stay[0], pair->ready[1] }, rc;
	char byte = 0;

	if (keep[0] > keep[1])
		keep[0] = pair->ready[1], keep[1] = pair->stay[0];
	rc = sandbox_enter(&(struct sandbox){ .keep = keep, .keep_count = 2 });
	if (rc)
		return rc;
	if (write(pair->ready[1], &byte, 1) != 1)
		return fail_errno("write");
	return read(pair->stay[0], &byte, 1) < 0 ? fail_errno("read") : 0;
}

/* A value of /proc/PID/status; empty if the line is missing. */
static void status_of(pid_t pid, const char *key, char value[256])
{
	char path[64], line[256];
	FILE *file;

	*value = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			sscanf(line + strlen(key) + 1, " %255[^\n]", value);
	fclose(file);
}

static void assert_status(pid_t pid, const char *key, const char *wanted)
{
	char value[256];

	status_of(pid, key, value);
	if (strncmp(value, wanted, strlen(wanted)))
		fail_test("%s: \"%s\", not \"%s\"", key, value, wanted);
}

static void assert_unprivileged(pid_t pid)
{
	char value[256];
	int real;

	assert_status(pid, "Seccomp", "2");
	assert_status(pid, "NoNewPrivs", "1");
	assert_status(pid, "CapEff", "0000000000000000");
	assert_status(pid, "CapPrm", "0000000000000000");
	assert_status(pid, "CapInh", "0000000000000000");
	if (geteuid())
		return;
	for (int i = 0; i < 2; i++) {
		status_of(pid, i ? "Gid" : "Uid", value);
		assert_int_equal(sscanf(value, "%d", &real), 1);
		assert_int_not_equal(real, 0);
	}
	status_of(pid, "Groups", value);
	assert_string_equal(value, "");
}

static bool has_descriptor(pid_t pid, int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	return !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void has_no_privileges_and_few_descriptors(void **state)
{
	struct confined_pair pair;
	struct child *child;
	char byte;
	int secret = open("/dev/zero", O_RDONLY);

	(void)state;
	assert_int_equal(pipe(pair.ready), 0);
	assert_int_equal(pipe(pair.stay), 0);
	assert_done(child_start(&child, stay, &pair));
	assert_int_equal(read(pair.ready[0], &byte, 1), 1);
	assert_unprivileged(child_pid(child));
	if (!geteuid()) { /* others may not look into a process that cannot be dumped */
		assert_int_equal(has_descriptor(child_pid(child), secret), false);
		assert_int_equal(has_descriptor(child_pid(child), pair.stay[0]), true);
	}
	close(pair.stay[1]);
	assert_done(child_wait(child));
	close(pair.stay[0]);
	close(pair.ready[0]);
	close(pair.ready[1]);
	close(secret);
}

static int map_much(void *context)
{
	int rc = sandbox_enter(&(struct sandbox){ .memory_bytes = 64 << 20 });
	void *little, *much;

	(void)context;
	if (rc)
		return rc;
	little = mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	much = mmap(NULL, 65 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (little == MAP_FAILED)
		return fail_errno("little");
	return much == MAP_FAILED ? 0 : fail(EOVERFLOW, "more than the limit was mapped");
}

static void memory_is_limited(void **state)
{
	(void)state;
	if (is_sanitized) /* their own needs know no limit */
		skip();
	assert_done(child_run(map_much, NULL));
}

enum { BUFFERS = 8, BUFFER_BYTES = 300 << 10, TURNS = 50, PAGE = 4096 };

/* As a reader does for each few frames. */
static int use_buffers(void *context)
{
	int rc = sandbox_enter(&(struct sandbox){ 0 });

	(void)context;
	for (unsigned int turn = 0; !rc && turn < TURNS; turn++) {
		char *buffers[BUFFERS];

		for (unsigned int i = 0; i < BUFFERS; i++) {
			buffers[i] = malloc(BUFFER_BYTES);
			if (!buffers[i])
				return fail_errno("malloc");
			memset(buffers[i], turn, BUFFER_BYTES);
			__asm__ volatile(""
					 :
					 : "r"(buffers[i])
					 : "memory"); /* or the compiler drops it all */
		}
		for (unsigned int i = 0; i < BUFFERS; i++)
			free(buffers[i]);
	}
	return rc;
}

static void freed_memory_is_used_again(void **state)
{
	struct rusage before, after;

	(void)state;
	if (is_sanitized) /* they have allocators of their own */
		skip();
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &before), 0);
	assert_done(child_run(use_buffers, NULL));
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &after), 0);
	/* Once each page, and what a process costs; not in each turn. */
	assert_true(after.ru_minflt - before.ru_minflt < TURNS / 5 * BUFFERS * (BUFFER_BYTES / PAGE));
}

struct memories {
	int *kept, *other;
	bool touches_other;
};

static int write_shared(void *context)
{
	const struct memories *shared = context;
	int rc = sandbox_enter(&(struct sandbox){ .shared = shared->kept });

	if (rc)
		return rc;
	signal(SIGSEGV, SIG_DFL); /* cmocka catches it */
	*(shared->touches_other ? shared->other : shared->kept) = 1;
	return fail(EDOM, "the reason comes over");
}

/* A child of a child has what both shared: all but what it is to keep goes. */
static int write_from_below(void *context)
{
	struct memories *shared = context;
	struct child *sibling, *child;
	int rc = child_start(&sibling, write_shared, shared);

	if (!rc)
		rc = child_start(&child, write_shared, shared);
	if (rc)
		return rc;
	child_reap(sibling);
	return child_wait(child);
}

static void shared_memory_is_given_up(void **state)
{
	struct memories shared = { child_share(sizeof(int)), child_share(sizeof(int)), false };

	(void)state;
	assert_fails(child_run(write_from_below, &shared), EDOM, "the reason comes over");
	assert_int_equal(*shared.kept, 1);
	shared.touches_other = true;
	if (!is_sanitized) /* which report the access in their own way */
		assert_fails(child_run(write_from_below, &shared), ECHILD, "died of SIGSEGV");
	assert_int_equal(*shared.other, 0);
	child_unshare(shared.kept, sizeof(int));
	child_unshare(shared.other, sizeof(int));
}

static int outlive(void *context)
{
	struct confined_pair *pair = context;
	struct child *child;
	int rc = child_start(&child, stay, pair);
	char byte;

	if (!rc && read(pair->ready[0], &byte, 1) == 1)
		raise(SIGKILL);
	return rc;
}

/* The signal that a parent's death sends would be lost with the change of the user. */
static void dies_with_its_parent(void **state)
{
	struct confined_pair pair;
	struct pollfd end;
	char byte;

	(void)state;
	assert_int_equal(pipe(pair.ready), 0);
	assert_int_equal(pipe(pair.stay), 0);
	assert_fails(child_run(outlive, &pair), ECHILD, "SIGKILL");
	close(pair.ready[1]);
	end = (struct pollfd){ .fd = pair.ready[0], .events = POLLIN };
	assert_int_equal(poll(&end, 1, FAR_MS), 1);
	assert_int_equal(read(pair.ready[0], &byte, 1), 0); /* all that had the other end are gone */
	close(pair.ready[0]);
	close(pair.stay[0]);
	close(pair.stay[1]);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(has_no_privileges_and_few_descriptors),
		TEST(memory_is_limited),
		TEST(freed_memory_is_used_again),
		TEST(shared_memory_is_given_up),
		TEST(dies_with_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
