/* A round cut into batches for the workers. */
#ifndef MIGRATE_SEND_ROUND_H
#define MIGRATE_SEND_ROUND_H

#include "migrate/send-changed.h"

/*
 * Submits all that is due, mapping what is not mapped yet. Ends early after a
 * failure, which send_queue_close() tells, or if the guest still runs and the time
 * for all rounds is over.
 */
void send_round(struct migration *migration);

/* Maps all that is not yet, by all threads: what is mapped when the guest has stopped is not waited for. */
int round_map(struct migration *migration);

#endif
