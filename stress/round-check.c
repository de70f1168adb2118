/* What must be so after each round: the domain runs, no file is left, and the host is as it was. See round-parts.h. */
#include "stress/round-parts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "log.h"

static bool is_known(const struct stress *s, const char *name)
{
	unsigned int which = 0;
	char own[32];

	if (!strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "log") || !strcmp(name, ".out") ||
	    !strcmp(name, ".err"))
		return true;
	return sscanf(name, "c%u.pvf", &which) == 1 && which >= s->chain_first && which < s->chain_next &&
	       !strcmp(name, chain_name(which, own));
}

static int check_directory(const struct stress *s)
{
	DIR *dir = opendir(s->directory);
	struct dirent *entry;
	int rc = 0;

	while (!rc && dir && (entry = readdir(dir)))
		if (!is_known(s, entry->d_name))
			rc = fail(EUCLEAN, "a file is left: %s/%s", s->directory, entry->d_name);
	if (dir)
		closedir(dir);
	return rc;
}

/* The guest's own word on its memory, if there is a way to have it. */
static int run_check(const struct stress *s)
{
	char command[4096];
	int status;

	if (!s->options->check)
		return 0;
	setenv("PVFERRY_DOMAIN", s->name, 1);
	/* Standard output is for the rounds. */
	if (snprintf(command, sizeof(command), "{ %s\n} >&2", s->options->check) >= (int)sizeof(command))
		return fail(E2BIG, "--check: too long a command");
	fflush(NULL);
	status = system(command);
	return status ? fail(EUCLEAN, "--check says that the domain is not sound: status %d",
			     WIFEXITED(status) ? WEXITSTATUS(status) : status)
		      : 0;
}

int round_check(struct stress *s)
{
	int rc = strays_wait();

	if (!rc)
		rc = guest_wait_running(s->name, &s->guest);
	if (!rc && s->basis.nodes.count)
		rc = run_check(s);
	if (!rc && s->basis.nodes.count)
		rc = basis_check(&s->basis, &s->guest);
	return rc ? rc : check_directory(s);
}
