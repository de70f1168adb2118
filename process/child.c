/*
 * See child.h. A child is forked, not exec'ed: it has its parent's memory, and gives back an outcome in memory that
 * both share. In: a function. Out: what it returned, with its reason. The trap: it has the parent's descriptors, too;
 * those that must not live on in it are closed by name (child_private()), as their end is what another process waits
 * for.
 */
#include "process/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

struct outcome {
	int rc;
	char reason[1024];
};

struct child {
	pid_t pid;
	int watch;
	const char *name;
	struct outcome *outcome; /* shared */
};

enum { PRIVATE_MOST = 64, SHARED_MOST = 128 };
static int private_fds[PRIVATE_MOST];
static size_t privates;

/* What child_share() has mapped, here and in our parents before they forked. */
static struct shared {
	void *at;
	size_t bytes;
} shared_memory[SHARED_MOST];
static size_t shared_count;
static struct outcome *own_outcome; /* which our parent waits for */

/* fd: -1, of no file */
static void *share(size_t bytes, int fd)
{
	void *at = MAP_FAILED;

	if (shared_count < SHARED_MOST)
		at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd,
			  0);
	else
		errno = ENOMEM;
	if (at == MAP_FAILED) {
		fail_errno("cannot share memory with a child process");
		return NULL;
	}
	shared_memory[shared_count++] = (struct shared){ at, bytes };
	return at;
}

void *child_share(size_t bytes)
{
	return share(bytes, -1);
}

void *child_share_file(size_t bytes, int *fd)
{
	void *at = NULL;

	*fd = memfd_create("pvferry-shared", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, bytes))
		fail_errno("cannot share memory with a child process");
	else
		at = share(bytes, *fd);
	if (!at && *fd >= 0)
		close(*fd);
	return at;
}

void child_unshare(void *shared, size_t bytes)
{
	for (size_t i = shared_count; shared && i-- > 0;)
		if (shared_memory[i].at == shared) {
			shared_memory[i] = shared_memory[--shared_count];
			munmap(shared, bytes);
			return;
		}
}

void child_unshare_others(const void *kept)
{
	for (size_t i = shared_count; i-- > 0;)
		if (shared_memory[i].at != kept && shared_memory[i].at != own_outcome)
			child_unshare(shared_memory[i].at, shared_memory[i].bytes);
}

void child_private(int fd)
{
	if (fd >= 0 && privates < PRIVATE_MOST)
		private_fds[privates++] = fd;
}

void child_unprivate(int fd)
{
	for (size_t i = privates; i-- > 0;)
		if (private_fds[i] == fd)
			private_fds[i] = private_fds[--privates];
}

static void run_child(int (*work)(void *context), void *context, struct outcome *outcome, pid_t parent)
{
	/* In this order: a parent that died before the call sends no signal, but is no longer the parent. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	while (privates)
		close(private_fds[--privates]);
	fail_forget();
	child_unshare(own_outcome, sizeof(*own_outcome));
	own_outcome = outcome;
	outcome->rc = work(context);
	snprintf(outcome->reason, sizeof(outcome->reason), "%s", fail_reason());
	fflush(NULL);
	_exit(outcome->rc ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void child_free(struct child *child)
{
	if (child->watch >= 0)
		close(child->watch);
	child_unshare(child->outcome, sizeof(*child->outcome));
	free(child);
}

int child_start(struct child **result, int (*work)(void *context), void *context)
{
	struct child *child = malloc(sizeof(*child));
	pid_t parent = getpid();
	int rc;

	if (!child)
		return fail(ENOMEM, "out of memory");
	*child = (struct child){ .watch = -1,
				 .name = "the process that did the work",
				 .outcome = child_share(sizeof(*child->outcome)) };
	if (!child->outcome) {
		free(child);
		return -ENOMEM;
	}
	/* What is still in a buffer would be written twice. */
	fflush(NULL);
	child->pid = fork();
	if (!child->pid)
		run_child(work, context, child->outcome, parent);
	if (child->pid < 0) {
		rc = fail_errno("cannot start a process");
		child_free(child);
		return rc;
	}
	child->watch = pidfd_open(child->pid, 0);
	*result = child;
	return 0;
}

int child_watch(const struct child *child)
{
	return child->watch;
}

pid_t child_pid(const struct child *child)
{
	return child->pid;
}

static int wait_child(const struct child *child)
{
	int status;

	while (waitpid(child->pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail_errno("waitpid");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return fail(ECHILD, "%s was killed (SIGSYS): it made a system call that its filter forbids",
			    child->name);
	if (WIFSIGNALED(status))
		return fail(ECHILD, "%s died of SIG%s", child->name, sigabbrev_np(WTERMSIG(status)));
	if (child->outcome->rc) /* the child may be one that foreign bytes have taken over */
		return fail(abs(child->outcome->rc % 4096), "%.*s", (int)sizeof(child->outcome->reason) - 1,
			    child->outcome->reason);
	return WEXITSTATUS(status) ? fail(ECHILD, "%s gave up", child->name) : 0;
}

int child_wait(struct child *child)
{
	int rc = wait_child(child);

	child_free(child);
	return rc;
}

void child_reap(struct child *child)
{
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child_free(child);
}

void child_name(struct child *child, const char *name)
{
	child->name = name;
}

int child_run(int (*work)(void *context), void *context)
{
	struct child *child;
	int rc = child_start(&child, work, context);

	return rc ? rc : child_wait(child);
}

void child_reap_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void child_wait_strays(void)
{
	while (waitpid(0, NULL, 0) >= 0 || errno == EINTR)
		;
}
