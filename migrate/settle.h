/*
 * What the source does of a guest when a migration is over, whatever became of
 * it: both can be done again, and find out themselves what is left to do.
 *
 * Mirror: restore/settle.h
 */
#ifndef MIGRATE_SETTLE_H
#define MIGRATE_SETTLE_H

#include "journal/journal.h"

/* What the guest is called here while it may run elsewhere. */
#define AWAY_SUFFIX "--migratedaway"

/* It may run elsewhere: its name here says so. */
int source_mark_away(const struct journal *journal);
/*
 * It is to run here: resumed if it waits, and under its name. -EINPROGRESS: it was
 * asked to suspend and may still do so. -ESRCH, -ESHUTDOWN: it is gone, or has shut down.
 */
int source_keep(const struct journal *journal);
/* It runs elsewhere: what is left of it here goes. Fine if nothing is. */
int source_remove(const struct journal *journal);

/*
 * One of the two, and the entry is settled; that of a save is removed. A guest that
 * has ended is settled, too; the reason is noted then.
 */
int source_conclude(struct journal *journal, bool runs_there);

struct source_locks {
	int job, domain; /* of the journal, see there; -1: none */
};
/*
 * For a guest that took the request to suspend and has not suspended yet: starts a
 * process that waits for it, resumes it and settles the entry. The locks go over to
 * that process. If it is killed the entry stays as it is, for recovery to find.
 */
int source_stay(const struct journal *journal, struct source_locks *locks, pid_t *pid);

#endif
