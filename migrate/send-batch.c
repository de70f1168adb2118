/*
 * See send-batch.h. Memory is mapped ahead, workers fill and compress, one
 * thread writes in order. Guest pages are copied before they are compressed: a
 * backend may still write to them, and zstd wants its input to hold still. A
 * plain stream is written straight out of the guest; only tables are copied.
 */
#include "migrate/send-batch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "migrate/map-ahead.h"
#include "stop.h"
#include "stream/pipeline.h"

enum {
	WORDS_BYTES = BATCH_PAGES * sizeof(uint64_t),
	BATCH_MAX_BYTES = sizeof(struct record_header) + sizeof(struct page_data) + WORDS_BYTES +
			  BATCH_PAGES * PAGE_BYTES,
};

struct batch {
	uint64_t first; /* pfns first .. first + count - 1 */
	unsigned int count;
	unsigned int pages;	     /* of them with data */
	const uint8_t *from;	     /* these, mapped side by side */
	uint64_t frame[BATCH_PAGES]; /* words of the record, all count of them */
	uint8_t *record;	     /* as it goes into the stream */
	size_t record_bytes;
	uint8_t *stored; /* compressed */
	size_t stored_bytes;
	struct iovec *parts; /* or, plain: headers, tables, runs of guest pages */
	size_t part_count;
};

struct sender {
	struct migration *m;
	struct pipeline *batches;
	ZSTD_CCtx **compressors; /* one a worker; NULL for a plain stream */
	uint64_t sent;		 /* pfns */
};

static void choose(struct batch *batch, const struct p2m *p2m, const uint8_t *from)
{
	batch->pages = 0;
	batch->from = from;
	for (unsigned int i = 0; i < batch->count; i++) {
		uint64_t pfn = batch->first + i;

		batch->frame[i] = (uint64_t)p2m->type[pfn] << 60 | pfn;
		batch->pages += frame_has_data(p2m->type[pfn]);
	}
}

/* The record up to where its pages begin. */
static uint8_t *put_headers(struct batch *batch)
{
	size_t words = batch->count * sizeof(uint64_t);
	struct record_header header = {
		RECORD_PAGE_DATA,
		sizeof(struct page_data) + words + batch->pages * PAGE_BYTES,
	};
	struct page_data data = { .count = batch->count };
	uint8_t *at = batch->record;

	at = mempcpy(at, &header, sizeof(header));
	at = mempcpy(at, &data, sizeof(data));
	at = mempcpy(at, batch->frame, words);
	batch->record_bytes = sizeof(header) + header.bytes;
	return at;
}

static int put_table(const struct migration *m, uint64_t pfn, unsigned int level, uint8_t *to,
		     const uint8_t *from)
{
	struct table_fault fault;

	if (canonicalise((uint64_t *)to, (const uint64_t *)from,
			 (struct table_kind){ m->layout->width, level }, &m->inverse, &fault))
		return 0;
	return fail(EREMOTE,
		    "pfn %#lx, a page table of level %u: slot %u (%#lx) %s, and the guest has stopped", pfn,
		    level, fault.slot, fault.entry, table_defect_text(fault.defect));
}

static void add_part(struct batch *batch, const uint8_t *at, size_t bytes)
{
	struct iovec *last = batch->part_count ? &batch->parts[batch->part_count - 1] : NULL;

	if (last && (const uint8_t *)last->iov_base + last->iov_len == at)
		last->iov_len += bytes;
	else
		batch->parts[batch->part_count++] = (struct iovec){ (void *)at, bytes };
}

/* The record in parts: what is no table stays where it is. */
static int fill_parts(const struct migration *m, struct batch *batch)
{
	uint8_t *to = put_headers(batch);
	const uint8_t *from = batch->from;
	int rc = 0;

	batch->part_count = 0;
	add_part(batch, batch->record, to - batch->record);
	for (unsigned int i = 0; !rc && i < batch->count; i++) {
		unsigned int type = batch->frame[i] >> 60, level = frame_level(type);

		if (!frame_has_data(type))
			continue;
		if (level) {
			rc = put_table(m, batch->first + i, level, to, from);
			add_part(batch, to, PAGE_BYTES);
			to += PAGE_BYTES;
		} else {
			add_part(batch, from, PAGE_BYTES);
		}
		from += PAGE_BYTES;
	}
	return rc;
}

/* The record in one piece, to be compressed. */
static int fill(const struct migration *m, struct batch *batch)
{
	uint8_t *to = put_headers(batch);
	const uint8_t *from = batch->from;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < batch->count; i++) {
		unsigned int type = batch->frame[i] >> 60, level = frame_level(type);

		if (!frame_has_data(type))
			continue;
		if (level)
			rc = put_table(m, batch->first + i, level, to, from);
		else
			memcpy(to, from, PAGE_BYTES);
		to += PAGE_BYTES;
		from += PAGE_BYTES;
	}
	return rc;
}

static int compress(struct batch *batch, ZSTD_CCtx *compressor)
{
	ssize_t bytes = frame_compress(compressor, batch->stored, ZSTD_compressBound(BATCH_MAX_BYTES),
				       batch->record, batch->record_bytes);

	batch->stored_bytes = bytes < 0 ? 0 : bytes;
	return bytes < 0 ? bytes : 0;
}

static int work(void *job, unsigned int worker, void *context)
{
	struct sender *sender = context;
	struct batch *batch = job;
	int rc = stop_requested();

	if (rc)
		return rc;
	if (!sender->compressors)
		return fill_parts(sender->m, batch);
	rc = fill(sender->m, batch);
	return rc ? rc : compress(batch, sender->compressors[worker]);
}

static int write_batch(struct sender *sender, const struct batch *batch)
{
	struct migration *m = sender->m;
	int rc = sender->compressors
		       ? writer_frame(&m->writer, batch->stored, batch->stored_bytes, batch->record_bytes)
		       : channel_write_parts(m->to, batch->parts, batch->part_count);

	sender->sent += batch->count;
	if (!rc && m->options.progress)
		m->options.progress(sender->sent, m->p2m.count);
	return rc;
}

static void *run_writer(void *argument)
{
	struct sender *sender = argument;
	struct batch *batch;
	int rc = 0;

	while (!rc && (batch = pipeline_collect(sender->batches))) {
		rc = write_batch(sender, batch);
		if (rc)
			pipeline_fail(sender->batches, rc);
		pipeline_release(sender->batches, batch);
	}
	return NULL;
}

static int prepare(struct batch *batch, uint64_t first, uint64_t end, bool compressed)
{
	batch->first = first;
	batch->count = end - first < BATCH_PAGES ? end - first : BATCH_PAGES;
	if (!batch->record)
		batch->record = malloc(BATCH_MAX_BYTES);
	if (compressed && !batch->stored)
		batch->stored = malloc(ZSTD_compressBound(BATCH_MAX_BYTES));
	if (!compressed && !batch->parts)
		batch->parts = calloc(BATCH_PAGES + 1, sizeof(*batch->parts));
	return batch->record && (batch->stored || batch->parts) ? 0 : fail(ENOMEM, "out of memory");
}

static int submit_all(struct sender *sender, struct map_ahead *ahead)
{
	const struct p2m *p2m = &sender->m->p2m;
	const struct window *window = NULL;
	const uint8_t *from = NULL;
	int rc = 0;

	for (uint64_t first = 0; !rc && first < p2m->count; first += BATCH_PAGES) {
		struct batch *batch = pipeline_claim(sender->batches);

		if (!batch)
			return 0; /* somebody else failed: pipeline_stop() tells */
		rc = prepare(batch, first, p2m->count, sender->compressors);
		if (!rc && (!window || first == window->end)) {
			rc = map_ahead_next(ahead, &window);
			from = rc ? NULL : window->pages;
		}
		if (rc)
			return rc;
		choose(batch, p2m, from);
		from += batch->pages * PAGE_BYTES;
		pipeline_submit(sender->batches, batch);
	}
	return rc;
}

static int init_compressors(struct sender *sender)
{
	const struct migrate_options *options = &sender->m->options;

	if (options->level == LEVEL_PLAIN)
		return 0;
	sender->compressors = calloc(options->threads, sizeof(*sender->compressors));
	if (!sender->compressors)
		return fail(ENOMEM, "out of memory");
	for (unsigned int i = 0; i < options->threads; i++) {
		sender->compressors[i] = frame_compressor(options->level);
		if (!sender->compressors[i])
			return fail(ENOMEM, "out of memory");
	}
	return 0;
}

static void free_compressors(struct sender *sender)
{
	for (unsigned int i = 0; sender->compressors && i < sender->m->options.threads; i++)
		ZSTD_freeCCtx(sender->compressors[i]);
	free(sender->compressors);
}

static void free_batch(void *job, void *context)
{
	struct batch *batch = job;

	(void)context;
	free(batch->record);
	free(batch->stored);
	free(batch->parts);
}

static int send_all(struct sender *sender, struct map_ahead *ahead)
{
	pthread_t writer;
	int rc;

	if (pthread_create(&writer, NULL, run_writer, sender))
		return fail(EAGAIN, "cannot start a thread");
	rc = submit_all(sender, ahead);
	pipeline_end(sender->batches, rc);
	pthread_join(writer, NULL);
	return rc;
}

int send_memory(struct migration *m)
{
	struct sender sender = { .m = m };
	struct pipeline_plan plan = {
		.name = "send",
		.threads = m->options.threads,
		.jobs = 2 * m->options.threads + 2,
		.job_bytes = sizeof(struct batch),
		.work = work,
		.context = &sender,
	};
	struct map_ahead *ahead = NULL;
	int rc = init_compressors(&sender), stopped;

	if (!rc)
		rc = map_ahead_start(&ahead, m);
	if (!rc)
		rc = pipeline_start(&sender.batches, &plan);
	if (!rc)
		rc = send_all(&sender, ahead);
	map_ahead_stop(ahead);
	stopped = pipeline_stop(sender.batches, free_batch);
	free_compressors(&sender);
	return rc ? rc : stopped;
}
