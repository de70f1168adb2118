/*
 * Compresses batches for the send queue, in several threads: at the level that was asked for, or at the one that
 * takes the least time (level-policy.h), for which it measures how long batches take.
 *
 * Mirror: feed_image_expand() in stream/feed-image.c
 */
#ifndef MIGRATE_COMPRESS_H
#define MIGRATE_COMPRESS_H

#include <pthread.h>

#include "migrate/batch.h"
#include "migrate/level-policy.h"

struct compressors {
	ZSTD_CCtx **of_worker; /* NULL: a plain stream, nothing is compressed */
	struct level_hands hands;
	bool is_auto;
	pthread_mutex_t lock; /* of rates */
	struct level_rates rates;
};

/* One for each thread. A failure leaves what compressors_release() frees. */
int compressors_init(struct compressors *compressors, int level, unsigned int threads);
void compressors_release(struct compressors *compressors);

/* The batch's record, which this thread began to fill at that moment, becomes what is stored. */
int compress_batch(struct compressors *compressors, unsigned int worker, struct batch *batch,
		   uint64_t began_ns);
/* So many bytes were written since then, by this thread. */
struct level_cost cost_now(void);
void compressors_note_written(struct compressors *compressors, size_t bytes, struct level_cost since);

#endif
