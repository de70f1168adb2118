/*
 * What a worker of a restore does with a part of a PAGE_DATA record: it maps
 * the pages that the part names, and copies into them; or reads, if the pages
 * have stayed in the file. Inside restore/receive-batch.c only, whose head says
 * what stays mapped and why.
 */
#ifndef RESTORE_COPY_H
#define RESTORE_COPY_H

#include "restore/restore.h"

/* A part of a record: up to 512 of its words. */
struct copy {
	struct record record; /* held by each of its parts */
	const uint64_t *frame;
	const uint8_t *data;
	uint64_t at; /* or where the data is in the file */
	uint32_t count;
	uint8_t *tables; /* mapped for this copy only */
	size_t table_count;
	uint8_t *to[BATCH_PAGES]; /* where each page with data goes */
};

/* The work of a pipeline of these; context: the restoration. Each pfn with data is in one copy at a time only. */
int copy_work(void *task, unsigned int worker, void *context);

#endif
