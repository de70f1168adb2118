/* See program.h. */
#include "process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "log.h"

struct program {
	const char *name;
	const int *fds;
	size_t count;
	int death_signal;
};

int program_find(const char *name, char path[PATH_MAX])
{
	static const char *const places[] = { "", "../lib/pvferry/" };
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (length <= 0)
		return fail_errno("cannot find the program that runs");
	own[length] = '\0';
	strrchr(own, '/')[1] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (snprintf(path, PATH_MAX, "%s%s%s", own, places[i], name) < PATH_MAX &&
		    !access(path, X_OK))
			return 0;
	return fail(ENOENT, "%s is neither in %s nor in %s%s", name, own, own, places[1]);
}

/* Two steps, as one may stand where another is to be. */
static int place_fds(const struct program *program)
{
	int high[PROGRAM_FDS_MOST], null = open("/dev/null", O_RDWR);

	if (null < 0)
		return fail_errno("/dev/null");
	for (size_t i = 0; i < program->count; i++) {
		high[i] = fcntl(program->fds[i], F_DUPFD_CLOEXEC, PROGRAM_FDS + PROGRAM_FDS_MOST);
		if (high[i] < 0)
			return fail_errno("cannot hand over a descriptor");
	}
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return fail_errno("cannot hand over a descriptor");
	for (size_t i = 0; i < program->count; i++)
		if (dup2(high[i], PROGRAM_FDS + i) < 0)
			return fail_errno("cannot hand over a descriptor");
	return close_range(PROGRAM_FDS + program->count, ~0U, 0) ? fail_errno("cannot close descriptors") : 0;
}

static int run_program(void *context)
{
	const struct program *program = context;
	char path[PATH_MAX], *arguments[] = { (char *)program->name, NULL };
	sigset_t all;
	int rc;

	/*
	 * Before the program has handlers of its own a signal would end it: it waits until then. And ours would write to
	 * a descriptor that is another's as soon as they are placed: the program would see the flag, and never wake up.
	 */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	rc = program_find(program->name, path);
	if (!rc)
		rc = place_fds(program);
	if (rc)
		return rc;
	/* It is we who send this one, and count on it, even if we were started by a process that ignores it. */
	signal(program->death_signal, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, program->death_signal);
	execv(path, arguments);
	return fail_errno("cannot start %s", path);
}

int program_start(struct child **child, const char *name, const int *fds, size_t count, int death_signal)
{
	struct program program = { name, fds, count, death_signal };

	return child_start(child, run_program, &program);
}

void program_hear_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
