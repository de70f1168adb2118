/* See job.h. */
#include "job.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

struct outcome {
	int rc;
	char reason[1024];
};

void *job_share(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at != MAP_FAILED)
		return at;
	fail_errno("mmap");
	return NULL;
}

void job_unshare(void *shared, size_t bytes)
{
	if (shared)
		munmap(shared, bytes);
}

static void run_child(int (*work)(void *context), void *context, struct outcome *outcome, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	outcome->rc = work(context);
	snprintf(outcome->reason, sizeof(outcome->reason), "%s", fail_reason());
	fflush(NULL);
	_exit(outcome->rc ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int wait_child(pid_t child, const struct outcome *outcome)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return fail_errno("waitpid");
	if (WIFSIGNALED(status))
		return fail(ECHILD, "the process that did the work died of SIG%s",
			    sigabbrev_np(WTERMSIG(status)));
	if (outcome->rc)
		return fail(-outcome->rc, "%s", outcome->reason);
	return WEXITSTATUS(status) ? fail(ECHILD, "the process that did the work gave up") : 0;
}

int job_run(int (*work)(void *context), void *context)
{
	struct outcome *outcome = job_share(sizeof(*outcome));
	pid_t parent = getpid(), child;
	int rc;

	if (!outcome)
		return -ENOMEM;
	fflush(NULL);
	child = fork();
	if (!child)
		run_child(work, context, outcome, parent);
	rc = child < 0 ? fail_errno("cannot start a process") : wait_child(child, outcome);
	job_unshare(outcome, sizeof(*outcome));
	return rc;
}
