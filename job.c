/* See job.h. */
#include "job.h"

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

struct job {
	pid_t pid;
	int watch;
	struct outcome *outcome; /* shared */
};

enum { PRIVATE_MOST = 64 };
static int private_fds[PRIVATE_MOST];
static size_t privates;

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

void job_private(int fd)
{
	if (fd >= 0 && privates < PRIVATE_MOST)
		private_fds[privates++] = fd;
}

void job_unprivate(int fd)
{
	for (size_t i = privates; i-- > 0;)
		if (private_fds[i] == fd)
			private_fds[i] = private_fds[--privates];
}

static void run_child(int (*work)(void *context), void *context, struct outcome *outcome, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	while (privates)
		close(private_fds[--privates]);
	fail_forget();
	outcome->rc = work(context);
	snprintf(outcome->reason, sizeof(outcome->reason), "%s", fail_reason());
	fflush(NULL);
	_exit(outcome->rc ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void job_free(struct job *job)
{
	if (job->watch >= 0)
		close(job->watch);
	job_unshare(job->outcome, sizeof(*job->outcome));
	free(job);
}

int job_start(struct job **result, int (*work)(void *context), void *context)
{
	struct job *job = malloc(sizeof(*job));
	pid_t parent = getpid();
	int rc;

	if (!job)
		return fail(ENOMEM, "out of memory");
	*job = (struct job){ .watch = -1, .outcome = job_share(sizeof(*job->outcome)) };
	if (!job->outcome) {
		free(job);
		return -ENOMEM;
	}
	fflush(NULL);
	job->pid = fork();
	if (!job->pid)
		run_child(work, context, job->outcome, parent);
	if (job->pid < 0) {
		rc = fail_errno("cannot start a process");
		job_free(job);
		return rc;
	}
	job->watch = pidfd_open(job->pid, 0);
	*result = job;
	return 0;
}

int job_watch(const struct job *job)
{
	return job->watch;
}

pid_t job_pid(const struct job *job)
{
	return job->pid;
}

static int wait_child(const struct job *job)
{
	int status;

	while (waitpid(job->pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail_errno("waitpid");
	if (WIFSIGNALED(status))
		return fail(ECHILD, "the process that did the work died of SIG%s",
			    sigabbrev_np(WTERMSIG(status)));
	if (job->outcome->rc)
		return fail(-job->outcome->rc, "%s", job->outcome->reason);
	return WEXITSTATUS(status) ? fail(ECHILD, "the process that did the work gave up") : 0;
}

int job_wait(struct job *job)
{
	int rc = wait_child(job);

	job_free(job);
	return rc;
}

int job_run(int (*work)(void *context), void *context)
{
	struct job *job;
	int rc = job_start(&job, work, context);

	return rc ? rc : job_wait(job);
}

void job_adopt(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void job_wait_strays(void)
{
	while (waitpid(-1, NULL, 0) >= 0 || errno == EINTR)
		;
}
