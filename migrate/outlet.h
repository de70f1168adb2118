/*
 * Where batches go: workers fill and compress them, one thread writes them in
 * the order in which they were submitted. It stays open from round to round.
 *
 * While the migration is_held workers fill batches and copy their records into
 * its buffer (migrate/hold.h), and nothing is compressed or written.
 */
#ifndef MIGRATE_OUTLET_H
#define MIGRATE_OUTLET_H

#include "migrate/batch.h"

struct outlet;

/* fill() is called by any worker: it makes the record, or parts, or neither if no words are to go. */
int outlet_open(struct outlet **outlet, struct migration *m,
		int (*fill)(struct batch *batch, struct migration *m));

/* An empty batch for the pfns first .. end - 1; NULL after a failure, which outlet_close() tells. */
struct batch *outlet_claim(struct outlet *outlet, uint64_t first, uint64_t end);
void outlet_submit(struct outlet *outlet, struct batch *batch);

/* Waits until all that was submitted is written. A failure is told by outlet_close(). */
bool outlet_flush(struct outlet *outlet);

/*
 * Compresses and writes what is held, in its order, and empties the buffer; false after a failure, which
 * outlet_close() tells. Not while the migration is_held.
 */
bool outlet_write_held(struct outlet *outlet);

/* Ends, for the reason why if that is not 0; returns the failure there was. NULL is fine. */
int outlet_close(struct outlet *outlet, int why);

#endif
