/* What the files of the send queue share: migrate/send-queue.c, migrate/send-queue-held.c. */
#ifndef MIGRATE_SEND_QUEUE_PARTS_H
#define MIGRATE_SEND_QUEUE_PARTS_H

#include <pthread.h>

#include "migrate/compress.h"
#include "migrate/send-queue.h"
#include "stream/pipeline.h"

struct send_queue {
	struct migration *m;
	int (*fill)(struct batch *batch, struct migration *m);
	struct pipeline *batches;
	struct compressors compressors;
	pthread_t writer;
	bool writer_runs;
	pthread_mutex_t lock;
	pthread_cond_t progress;
	uint64_t submitted, written; /* batches */
	uint64_t pfns;		     /* written */
	bool has_ended;		     /* the writer has */
};

/* The buffer is full: writes what it holds; false after a failure, which send_queue_close() tells. */
bool send_queue_make_room(struct send_queue *queue);

#endif
