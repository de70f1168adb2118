/*
 * What the destination does of a guest when a migration is over, whatever
 * became of it: both can be done again, and find out themselves what is left
 * to do.
 *
 * Mirror: migrate/settle.h
 */
#ifndef RESTORE_SETTLE_H
#define RESTORE_SETTLE_H

#include "journal/journal.h"

/* It may run: it does, and has its name. */
int destination_run(const struct journal *journal);
/* It may not: what is there of it goes. Fine if nothing is. */
int destination_remove(const struct journal *journal);

/*
 * What the table of restore/handover.c says, for a job of which no process is
 * left: the entry becomes one that is settled.
 */
int destination_recover(struct journal *journal);

#endif
