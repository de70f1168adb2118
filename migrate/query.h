/*
 * Asks the other host what became of a guest. A process without privileges reads
 * what it answers, see speaker.h.
 *
 * Mirror: restore/query.h
 */
#ifndef MIGRATE_QUERY_H
#define MIGRATE_QUERY_H

#include "journal/journal.h"

struct answer {
	char state[32]; /* a stage of the journal there, or "unknown" */
	char reason[512];
};

int query_destination(const struct journal *journal, struct answer *answer);

#endif
