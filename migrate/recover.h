/*
 * Guests that are suspended and that no process works on any more, because all
 * processes of a save or of a migration were killed at once.
 */
#ifndef MIGRATE_RECOVER_H
#define MIGRATE_RECOVER_H

#include "journal/journal.h"
#include "xen/domain.h"

/* The unsettled entry of a job that sends this very domain away or saves it; -ENOENT, without a reason, if no entry matches. */
int recover_find(const struct domain_facts *facts, struct journal *journal);

/* Is another pvferry at work on the domain? */
bool recover_is_busy(uint32_t id);

/*
 * Lets the guest of an entry that is not at JOURNAL_GO run, and settles the entry.
 * -EBUSY: a process is at work on it.
 */
int recover_one(struct journal *journal);

/* Resumes a domain of which no journal speaks. -EBUSY: a process is at work on it. */
int recover_stray(uint32_t id);

/* All saves whose processes are dead. Says what it does; what fails stays as it is. */
void recover_saves(void);

#endif
