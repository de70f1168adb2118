/*
 * pvferry resume: a domain that is suspended, and that no process works on, runs
 * again. What pvferry itself left so is found by its journal; for another
 * domain the user says that it is to run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/use.h"
#include "journal/journal.h"
#include "log.h"
#include "machine/watch.h"
#include "migrate/recover.h"
#include "migrate/settle.h"

static int facts_read(const char *whom, struct domain_facts *facts)
{
	struct domain *domain = NULL;
	struct host *host;
	uint32_t id;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = domain_find(host, whom, &id);
	if (!rc)
		rc = domain_open(&domain, host, id);
	if (!rc)
		rc = domain_facts(domain, facts);
	domain_close(domain);
	host_close(host);
	return rc;
}

static int facts_check(const struct domain_facts *facts)
{
	if (facts->is_hvm)
		return fail(EOPNOTSUPP, "it is an HVM or PVH domain: xl serves those");
	if (!facts->is_shut_down)
		return fail(EINVAL, "it is not suspended");
	if (facts->shutdown_reason != SHUTDOWN_REASON_SUSPEND)
		return fail(EINVAL, "it is not suspended: it has %s", domain_end(facts->shutdown_reason));
	return 0;
}

/* Its journal says whose it is. */
static int resume(const struct domain_facts *facts)
{
	struct journal journal;
	int rc = use_check(facts);

	if (rc)
		return rc;
	rc = recover_find(facts, &journal);
	if (rc == -ENOENT)
		return recover_stray(facts->id);
	if (rc)
		return rc;
	return recover_one(&journal);
}

int run_resume(const struct command *self, int argc, char **argv)
{
	int first = command_options(self, argc, argv, NULL, NULL), rc;
	struct domain_facts facts;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1)
		return say_usage(self, "takes one DOMAIN");
	rc = facts_read(argv[first], &facts);
	if (!rc)
		rc = facts_check(&facts);
	if (!rc)
		rc = resume(&facts);
	if (rc)
		return say_failure("resume", argv[first], NULL);
	say(SAY_NOTE, "%s runs again", argv[first]);
	watch_resumed(facts.id);
	return EXIT_DONE;
}
