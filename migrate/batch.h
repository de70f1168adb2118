/*
 * One PAGE_DATA record on its way out: the pfns that are looked at, the words
 * and pages that go, the record they become, and what it is compressed to.
 *
 * Mirror: struct copy in restore/receive-batch.c
 */
#ifndef MIGRATE_BATCH_H
#define MIGRATE_BATCH_H

#include "migrate/migrate.h"
#include "stream/page-digest.h"

/* Reused as it was left; its buffers are its own. */
struct batch {
	uint64_t first; /* pfns first .. first + count - 1 are looked at */
	unsigned int count;
	unsigned int words; /* of them go */
	uint64_t frame[BATCH_PAGES];
	struct page_digest *digest;	  /* of the pages in the record, if there is an index */
	const uint8_t *page[BATCH_PAGES]; /* where each word's page is mapped, if it has data */
	uint8_t *room;			  /* for headers and pages */
	uint8_t *record;		  /* as it goes into the stream; somewhere in room */
	size_t record_bytes;
	uint8_t *stored; /* compressed */
	size_t stored_bytes;
	bool is_filled; /* record is one that was held (migrate/hold.h), and only compressed now */
	struct iovec *
		parts; /* or, plain and out of a guest that holds still: headers, tables, runs of guest pages */
	size_t part_count;
};

/* Empty, for the pfns first .. end - 1, of which BATCH_PAGES at most go. */
int batch_prepare(struct batch *batch, uint64_t first, uint64_t end);
void batch_release(struct batch *batch);

static inline void batch_add(struct batch *batch, uint64_t pfn, unsigned int type, const uint8_t *page)
{
	batch->frame[batch->words] = (uint64_t)type << 60 | pfn;
	batch->page[batch->words++] = page;
}

/* Where the n-th page with data has its place in the record. */
uint8_t *batch_place(struct batch *batch, unsigned int n);
/* The record is complete but for its head: so many pages stand in their places. */
void batch_seal(struct batch *batch, unsigned int pages);
/* Makes the batch what it was when this record was sealed, from a copy of that which lies elsewhere. */
void batch_load(struct batch *batch, const uint8_t *record, size_t bytes);

/* A page without a type as it is; should it look like a table, that is noted. */
void batch_put_page(const struct migration *m, uint64_t word, uint8_t *to, const uint8_t *from);
/* A table without machine frames, or what is wrong with it. */
bool batch_put_table(const struct migration *m, uint64_t word, uint8_t *to, const uint8_t *from,
		     struct table_fault *fault);
/* For a guest that has stopped: there is no later any more. */
int batch_refuse_table(uint64_t word, const struct table_fault *fault);

/* All words of a guest that has stopped: in one piece, or in parts, where what is no table stays where it is. */
int batch_fill(struct batch *batch, const struct migration *m);
int batch_fill_parts(struct batch *batch, const struct migration *m);

#endif
