/* See xl-config.h. */
#include "cli/xl-config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "machine/config-flat.h"
#include "stream/format.h"

/* Standard output and standard error of xl, each to its end. */
struct output {
	int fds[2];
	struct bytes said[2];
};

static int start_xl(const char *path, struct output *out, pid_t *pid)
{
	char *words[] = { "xl", "create", "--quiet", "--dryrun", (char *)path, NULL };
	posix_spawn_file_actions_t actions;
	int pipes[2][2], error;

	if (pipe2(pipes[0], O_CLOEXEC))
		return fail_errno("cannot make a pipe");
	if (pipe2(pipes[1], O_CLOEXEC)) {
		close(pipes[0][0]);
		close(pipes[0][1]);
		return fail_errno("cannot make a pipe");
	}
	posix_spawn_file_actions_init(&actions);
	error = posix_spawn_file_actions_adddup2(&actions, pipes[0][1], STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, pipes[1][1], STDERR_FILENO);
	if (!error)
		error = posix_spawnp(pid, "xl", &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	for (int i = 0; i < 2; i++) {
		out->fds[i] = pipes[i][0];
		close(pipes[i][1]);
	}
	return error ? fail(error, "xl, which reads %s, cannot be started: %s", path, strerror(error)) : 0;
}

/* Both at once: xl would wait for room in the one while we read the other. */
static int listen_to_xl(struct output *out)
{
	struct pollfd from[2] = { { out->fds[0], POLLIN, 0 }, { out->fds[1], POLLIN, 0 } };
	int rc = 0;

	while (!rc && (from[0].fd >= 0 || from[1].fd >= 0)) {
		if (poll(from, 2, -1) < 0 && errno != EINTR)
			return fail_errno("poll");
		for (int i = 0; i < 2; i++) {
			char some[4096];
			ssize_t got;

			if (from[i].fd < 0 || !from[i].revents)
				continue;
			got = read(from[i].fd, some, sizeof(some));
			if (got > 0 && out->said[i].count < CONFIG_MAX_BYTES)
				bytes_put(&out->said[i], some, got);
			else if (!got || (got < 0 && errno != EINTR))
				from[i].fd = -1;
		}
	}
	for (int i = 0; i < 2; i++)
		bytes_put(&out->said[i], "", 1);
	rc = bytes_check(&out->said[0]);
	return rc ? rc : bytes_check(&out->said[1]);
}

/* The first line that xl has said on standard error is the one about the file. */
static int judge(const char *path, struct output *out, int status, struct bytes *flat)
{
	char *reason = (char *)out->said[1].at;

	reason[strcspn(reason, "\n")] = '\0';
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return fail(EINVAL, "xl does not accept %s: %s", path, *reason ? reason : "no reason given");
	return config_flatten((const char *)out->said[0].at, flat);
}

int xl_config_read(const char *path, struct bytes *flat)
{
	struct output out = { .fds = { -1, -1 } };
	pid_t pid = 0;
	int status = 0, rc = start_xl(path, &out, &pid);

	if (!rc)
		rc = listen_to_xl(&out);
	for (int i = 0; i < 2; i++)
		if (out.fds[i] >= 0)
			close(out.fds[i]);
	while (pid && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!rc)
		rc = judge(path, &out, status, flat);
	bytes_release(&out.said[0]);
	bytes_release(&out.said[1]);
	return rc;
}
