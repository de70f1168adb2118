/* See order.h. What became of a job whose pvferryd is gone: by its journal, and by the lock that its processes hold. */
#include <errno.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/order.h"
#include "journal/journal.h"
#include "log.h"
#include "process/stop.h"

enum { NAP_MS = 200 };

static int read_entry(const char *id, struct journal *journal)
{
	int rc = journal_read(journal, id, JOURNAL_SOURCE);

	return rc == -ENOENT ? fail(ENOENT, "job %s has no journal", id) : rc;
}

/* Until the job is settled or has no process. It settles its journal before it lets go of its lock: so the last look is behind that. */
static int await(const char *id, struct journal *journal)
{
	int rc = read_entry(id, journal);

	while (!rc && !journal_is_settled(journal) && journal_is_at_work(journal)) {
		rc = stop_wait(NAP_MS);
		if (!rc)
			rc = read_entry(id, journal);
	}
	return rc ? rc : read_entry(id, journal);
}

int order_outlives(const char *domain, const char *id)
{
	struct journal journal;
	char outcome[128];

	say(SAY_WARNING, "%s; job %.8s continues without it, and its journal is watched", fail_reason(), id);
	fail_forget();
	if (await(id, &journal)) {
		snprintf(outcome, sizeof(outcome), "job %.8s continues: \"pvferry jobs\" shows it", id);
		return say_failure("migrate", domain, outcome);
	}
	if (journal.stage == JOURNAL_DONE) {
		say(SAY_NOTE, "%s: moved to %s", domain, journal.peer);
		return EXIT_DONE;
	}
	fail(EREMOTEIO, "%s", *journal.reason ? journal.reason : "the migration was interrupted");
	if (journal_is_settled(&journal))
		return say_failure("migrate", domain,
				   journal.stage == JOURNAL_KEPT ? "the domain runs here"
								 : "the domain has ended");
	snprintf(outcome, sizeof(outcome), "no process works on it: \"pvferry resolve %.8s\" settles it", id);
	say_failure("migrate", domain, outcome);
	return EXIT_UNSETTLED;
}
