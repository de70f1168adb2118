/*
 * The memory, batch by batch: choose pfns -> types -> map -> canonicalise the
 * tables, copy the rest -> record -> compress -> write.
 *
 * Mirror: restore/receive-batch.h
 */
#ifndef MIGRATE_SEND_BATCH_H
#define MIGRATE_SEND_BATCH_H

#include "migrate/migrate.h"

/* Every pfn of the p2m, in order, one PAGE_DATA record for each 512. The guest has stopped. */
int send_memory(struct migration *migration);

#endif
