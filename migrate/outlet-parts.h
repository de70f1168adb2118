/* What the files of the outlet share: migrate/outlet.c, migrate/outlet-held.c. */
#ifndef MIGRATE_OUTLET_PARTS_H
#define MIGRATE_OUTLET_PARTS_H

#include <pthread.h>

#include "migrate/compress.h"
#include "migrate/outlet.h"
#include "stream/pipeline.h"

struct outlet {
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

/* The buffer is full: writes what it holds; false after a failure, which outlet_close() tells. */
bool outlet_make_room(struct outlet *outlet);

#endif
