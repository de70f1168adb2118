/* See check.h. The daemon itself knows nothing of TLS: `pvferry cert show` looks at the certificates. */
#include "daemon/check.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

/* Its exit status; -errno with a reason if it cannot be started. */
static int run_show(const struct settings *settings, bool is_silent)
{
	char *argv[] = { settings->pvferry, "cert", "show", settings->pki ? "--pki" : NULL,
			 settings->pki,	    NULL };
	posix_spawn_file_actions_t actions;
	int status = 0, rc;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (is_silent)
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	fflush(stdout);
	rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return fail(rc, "cannot start %s: %s", argv[0], strerror(rc));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail_errno("cannot wait for %s", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : fail(ECHILD, "%s died of a signal", argv[0]);
}

static void print_settings(const struct settings *settings)
{
	char text[ADDRESS_TEXT];

	printf("pvferry    %s\n", settings->pvferry);
	for (unsigned int i = 0; i < settings->listen_count; i++)
		printf("listen     %s, %s\n", address_text(&settings->listen[i], text),
		       settings->is_plain ? "tcp without encryption" : "tls");
	if (!settings->listen_count)
		printf("listen     nowhere: \"allow\" names no host, so no guest can arrive\n");
	for (unsigned int i = 0; i < settings->allow_count; i++)
		printf("allow      %s\n", settings->allow[i]);
	if (settings->allow_devices)
		printf("allow-devices %s\n", settings->allow_devices);
	if (settings->allow_config)
		printf("allow-config %s\n", settings->allow_config);
}

int check_print(const struct settings *settings, const char *path)
{
	int rc;

	print_settings(settings);
	rc = run_show(settings, settings->is_plain);
	if (rc < 0)
		say(SAY_WARNING, "%s", fail_reason());
	if (rc && (rc < 0 || !settings->is_plain))
		return EXIT_FAILURE;
	printf("%s: OK\n", path);
	return EXIT_SUCCESS;
}

void check_warn(const struct settings *settings)
{
	int rc = settings->listen_count && !settings->is_plain ? run_show(settings, true) : 0;

	if (rc > 0)
		say(SAY_WARNING,
		    "the certificates cannot be used, so no guest can arrive: \"%s cert show\" says why",
		    settings->pvferry);
	else if (rc)
		say(SAY_WARNING, "%s: no guest can arrive or leave", fail_reason());
	fail_forget();
}
