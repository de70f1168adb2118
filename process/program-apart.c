/* A program that outlives us: see program_start_apart() in program.h. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "process/program.h"

/* Both from the first one on, and nothing behind PROGRAM_FDS. The descriptor may be that already. */
static int plan_descriptors(posix_spawn_file_actions_t *actions, int fd)
{
	int rc = posix_spawn_file_actions_adddup2(actions, fd, PROGRAM_FDS);

	if (!rc)
		rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	return rc ? rc : posix_spawn_file_actions_addclosefrom_np(actions, PROGRAM_FDS + 1);
}

/* A shell's background job ignores signals; what the program starts must not. */
int program_plan_signals(posix_spawnattr_t *attributes, short flag)
{
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	rc = posix_spawnattr_setsigmask(attributes, &none);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(attributes, &all);
	return rc ? rc
		  : posix_spawnattr_setflags(attributes,
					     flag | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

int program_start_apart(pid_t *pid, const char *name, int fd)
{
	char path[PATH_MAX], *arguments[] = { (char *)name, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error, rc = program_find(name, path);

	if (rc)
		return rc;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	error = plan_descriptors(&actions, fd);
	if (!error)
		error = program_plan_signals(&attributes, POSIX_SPAWN_SETSID);
	if (!error)
		error = posix_spawn(pid, path, &actions, &attributes, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error ? fail(error, "cannot start %s: %s", path, strerror(error)) : 0;
}
