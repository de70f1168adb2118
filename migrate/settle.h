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
/* It is to run here: resumed if it waits, and under its name. */
int source_keep(const struct journal *journal);
/* It runs elsewhere: what is left of it here goes. Fine if nothing is. */
int source_remove(const struct journal *journal);

/* One of the two, and the entry is settled. A guest that is gone is one, too; the reason is noted then. */
int source_conclude(struct journal *journal, bool runs_there);

#endif
