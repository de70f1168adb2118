/* See hook.h. */
#include "checkpoint/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "process/program.h"
#include "process/stop.h"

enum { VARIABLES = 7, TOLD_MS = 600000, GRACE_MS = 5000, KILLED_MS = 1000 };

static uint64_t hook_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* --- its environment ------------------------------------------------------------------ */

static char *variable(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *variable(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return length < 0 ? NULL : text;
}

/* Ours behind those there are; VARIABLES of them are to be freed, from *own on. NULL without memory. */
static char **make_environment(const struct hook *hook, char ***own)
{
	size_t count = 0;
	char **all;

	while (environ[count])
		count++;
	all = calloc(count + VARIABLES + 1, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, environ, count * sizeof(*all));
	*own = all + count;
	(*own)[0] = variable("PVFERRY_DOMAIN=%s", hook->domain);
	(*own)[1] = variable("PVFERRY_DOMID=%u", hook->domid);
	(*own)[2] = variable("PVFERRY_UUID=%s", hook->uuid);
	(*own)[3] = variable("PVFERRY_DIR=%s", hook->directory);
	(*own)[4] = variable("PVFERRY_CHECKPOINT=%s", hook->checkpoint);
	(*own)[5] = variable("PVFERRY_STATE_ID=%s", hook->state);
	(*own)[6] = variable("PVFERRY_DISKS=%s", hook->disks);
	return all;
}

static void free_environment(char **all, char **own)
{
	for (int i = 0; all && i < VARIABLES; i++)
		free(own[i]);
	free(all);
}

/* --- how it is started ------------------------------------------------------------------ */

/* Its standard output is our standard error: ours may be JSON. */
static int plan_descriptors(posix_spawn_file_actions_t *actions)
{
	int rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
	return rc ? rc : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

static int spawn(struct hook *hook, const char *phase)
{
	char *arguments[] = { (char *)hook->program, (char *)phase, NULL }, **own = NULL;
	char **environment = make_environment(hook, &own);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = environment ? 0 : ENOMEM;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	if (!error)
		error = plan_descriptors(&actions);
	if (!error) /* a process group of its own, so that all of it can be killed */
		error = program_plan_signals(&attributes, POSIX_SPAWN_SETPGROUP);
	if (!error)
		error = posix_spawnp(&hook->pid, hook->program, &actions, &attributes, arguments,
				     environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	free_environment(environment, own);
	return error;
}

int hook_begin(struct hook *hook, const char *phase)
{
	int error;

	if (!hook->program)
		return 0;
	hook->began_ms = hook_now_ms();
	error = spawn(hook, phase);
	if (error)
		hook->pid = 0;
	return error ? fail(error, "cannot start the hook %s: %s", hook->program, strerror(error)) : 0;
}

/* --- its end ------------------------------------------------------------------------------ */

/* 1 it has ended, 0 the time is over, or a failure, such as that a stop was asked for. */
static int wait_for(int watch, uint64_t until_ms, bool hears_stop)
{
	struct pollfd fds[2] = { { .fd = watch, .events = POLLIN },
				 { .fd = hears_stop ? stop_fd() : -1, .events = POLLIN } };
	uint64_t left = 1;
	int rc = hears_stop ? stop_requested() : 0;

	/* Once in any case: it may have ended in time, and we look late. */
	while (!rc && !fds[0].revents && left) {
		uint64_t now = hook_now_ms();

		left = now < until_ms ? until_ms - now : 0;
		if (poll(fds, 2, left < INT32_MAX ? left : INT32_MAX) < 0 && errno != EINTR)
			return fail_errno("poll");
		rc = fds[0].revents || !hears_stop ? 0 : stop_requested();
	}
	return rc ? rc : fds[0].revents != 0;
}

/* Does anything of it run still, its children counted in? While they do, no other process gets their group's number. */
static bool is_there(struct hook *hook, pid_t group)
{
	if (hook->pid && waitpid(hook->pid, NULL, WNOHANG))
		hook->pid = 0;
	return hook->pid || !kill(-group, 0);
}

static bool end_within(struct hook *hook, pid_t group, int number, uint64_t ms)
{
	uint64_t until_ms = hook_now_ms() + ms;
	bool is_over = false, runs;

	kill(-group, number);
	while ((runs = is_there(hook, group)) && !is_over) {
		is_over = hook_now_ms() >= until_ms;
		poll(NULL, 0, 1);
	}
	return !runs;
}

/*
 * LVM holds SIGTERM back while it has a volume suspended: killed then, it would leave the guest's disk hanging for ever. One
 * that waits for a device that hangs ends when that goes on: a guest that is stopped does not wait for it.
 */
void hook_cancel(struct hook *hook)
{
	pid_t group = hook->pid;

	if (group && !end_within(hook, group, SIGTERM, GRACE_MS) &&
	    !end_within(hook, group, SIGKILL, KILLED_MS))
		say(SAY_WARNING, "the hook %s has been killed and does not end: it waits for a device",
		    hook->program);
	hook->pid = 0;
}

static int judge(const struct hook *hook, int status)
{
	if (WIFSIGNALED(status))
		return fail(ECHILD, "the hook %s was killed by signal %d", hook->program, WTERMSIG(status));
	return WEXITSTATUS(status)
		     ? fail(ECHILD, "the hook %s ended with status %d", hook->program, WEXITSTATUS(status))
		     : 0;
}

static int await(struct hook *hook, uint64_t timeout_ms, bool hears_stop)
{
	int status = 0, watch, rc;

	if (!hook->pid)
		return 0;
	watch = pidfd_open(hook->pid, 0);
	rc = watch < 0 ? fail_errno("cannot watch the hook %s", hook->program)
		       : wait_for(watch, hook->began_ms + timeout_ms, hears_stop);
	if (watch >= 0)
		close(watch);
	if (!rc)
		rc = fail(ETIME, "the hook %s has not ended within %.1f s", hook->program,
			  timeout_ms / 1000.0);
	if (rc < 0) {
		hook_cancel(hook);
		return rc;
	}
	while (waitpid(hook->pid, &status, 0) < 0 && errno == EINTR)
		;
	hook->pid = 0;
	return judge(hook, status);
}

int hook_await(struct hook *hook)
{
	return await(hook, hook->timeout_ms, true);
}

/* Also after a stop was asked for: what a hook has made for a checkpoint that is not to be has to go. */
void hook_tell(struct hook *hook, const char *phase)
{
	if (!hook_begin(hook, phase) && !await(hook, TOLD_MS, false))
		return;
	say(SAY_WARNING, "%s: %s", phase, fail_reason());
	fail_forget();
}
