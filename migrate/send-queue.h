/*
 * Where batches go: workers fill and compress them, one thread writes them in
 * the order in which they were submitted. It stays open from round to round.
 *
 * While the migration is_held workers fill batches and copy their records into
 * its buffer (migrate/hold.h), and nothing is compressed or written.
 */
#ifndef MIGRATE_SEND_QUEUE_H
#define MIGRATE_SEND_QUEUE_H

#include "migrate/batch.h"

struct send_queue;

/* fill() is called by any worker: it makes the record, or parts, or neither if no words are to go. */
int send_queue_open(struct send_queue **queue, struct migration *m,
		    int (*fill)(struct batch *batch, struct migration *m));

/* An empty batch for the pfns first .. end - 1; NULL after a failure, which send_queue_close() tells. */
struct batch *send_queue_claim(struct send_queue *queue, uint64_t first, uint64_t end);
void send_queue_submit(struct send_queue *queue, struct batch *batch);

/* Waits until all that was submitted is written. A failure is told by send_queue_close(). */
bool send_queue_flush(struct send_queue *queue);

/*
 * Compresses and writes what is held, in its order, and empties the buffer; false after a failure, which
 * send_queue_close() tells. Not while the migration is_held.
 */
bool send_queue_write_held(struct send_queue *queue);

/* Ends, for the reason why if that is not 0; returns the failure there was. NULL is fine. */
int send_queue_close(struct send_queue *queue, int why);

#endif
