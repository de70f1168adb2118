/* See builder.h. What the child has to tell stands in memory that both share. */
#include "restore/builder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "machine/registry.h"

static void note_created(const struct restoration *r)
{
	struct built *built = r->context;

	built->domain = domain_id(r->domain);
	built->is_created = true;
}

static int build(struct built *built, struct channel *from, const struct restore_options *options)
{
	struct restoration r = { 0 };
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	r.on_created = note_created;
	r.context = built;
	rc = restore_domain(&r, host, from, options);
	if (!rc) {
		built->pfns = r.incoming.count;
		built->frames = r.frames;
		snprintf(built->name, sizeof(built->name), "%s", config_name(&r.config));
	}
	restoration_release(&r);
	host_close(host);
	return rc;
}

/* The child is gone and said nothing: take away what it left. */
static int clean_up(const struct built *built, int status)
{
	struct domain *domain = NULL;
	struct host *host;

	if (WIFSIGNALED(status))
		fail(ECHILD, "the process that built the domain died of SIG%s", sigabbrev_np(WTERMSIG(status)));
	if (!built->is_created || host_open(&host))
		return -ECHILD;
	if (domain_open(&domain, host, built->domain) || domain_demolish(domain))
		say(SAY_WARNING, "domain %u could not be removed", built->domain);
	domain_close(domain);
	host_close(host);
	return -ECHILD;
}

int build_domain(struct built *result, struct channel *from, const struct restore_options *options,
		 void (*say_why)(void))
{
	struct built *built = mmap(NULL, sizeof(*built), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, rc;
	pid_t child;

	if (built == MAP_FAILED)
		return fail_errno("mmap");
	fflush(NULL);
	child = fork();
	if (child < 0)
		rc = fail_errno("cannot start a process");
	else if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		rc = build(built, from, options);
		if (rc)
			say_why();
		fflush(NULL);
		_exit(rc ? EXIT_FAILURE : EXIT_SUCCESS);
	} else {
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			continue;
		rc = WIFEXITED(status) && !WEXITSTATUS(status) ? 0 :
		     WIFEXITED(status) ? -ECHILD : clean_up(built, status);
	}
	*result = *built;
	munmap(built, sizeof(*built));
	return rc;
}
