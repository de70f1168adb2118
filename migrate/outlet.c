/* See outlet.h. */
#include "migrate/outlet.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "log.h"
#include "migrate/increment.h"
#include "process/stop.h"
#include "stream/pipeline.h"

struct outlet {
	struct migration *m;
	int (*fill)(struct batch *batch, struct migration *m);
	struct pipeline *batches;
	ZSTD_CCtx **compressors; /* one a worker; NULL for a plain stream */
	pthread_t writer;
	bool writer_runs;
	pthread_mutex_t lock;
	pthread_cond_t progress;
	uint64_t submitted, written; /* batches */
	uint64_t pfns;		     /* written */
	bool has_ended;		     /* the writer has */
};

static int compress(struct batch *batch, ZSTD_CCtx *compressor)
{
	size_t room = ZSTD_compressBound(batch->record_bytes);
	ssize_t bytes;

	if (!batch->stored)
		batch->stored =
			malloc(ZSTD_compressBound(BATCH_PAGES * (PAGE_BYTES + sizeof(uint64_t)) + 64));
	if (!batch->stored)
		return fail(ENOMEM, "out of memory");
	bytes = frame_compress(compressor, batch->stored, room, batch->record, batch->record_bytes);
	batch->stored_bytes = bytes < 0 ? 0 : bytes;
	return bytes < 0 ? bytes : 0;
}

static int work(void *job, unsigned int worker, void *context)
{
	struct outlet *outlet = context;
	struct batch *batch = job;
	int rc = stop_requested();

	if (!rc)
		rc = outlet->fill(batch, outlet->m);
	if (!rc && batch->record_bytes && outlet->m->options.index)
		rc = increment_cut(batch, outlet->m->options.index);
	if (!rc && batch->record_bytes && outlet->compressors)
		rc = compress(batch, outlet->compressors[worker]);
	return rc;
}

static int write_batch(struct migration *m, struct batch *batch)
{
	int rc = batch->stored_bytes && m->options.index ? increment_note(batch, m) : 0;

	if (rc)
		return rc;
	if (batch->stored_bytes)
		return writer_frame(&m->writer, batch->stored, batch->stored_bytes, batch->record_bytes);
	if (batch->part_count)
		return channel_write_parts(m->to, batch->parts, batch->part_count);
	return batch->record_bytes ? channel_write(m->to, batch->record, batch->record_bytes) : 0;
}

static void note(struct outlet *outlet, const struct batch *batch)
{
	pthread_mutex_lock(&outlet->lock);
	outlet->written += batch != NULL;
	outlet->pfns += batch ? batch->count : 0;
	outlet->has_ended = !batch;
	pthread_cond_signal(&outlet->progress);
	pthread_mutex_unlock(&outlet->lock);
}

static void *run_writer(void *argument)
{
	struct outlet *outlet = argument;
	struct migration *m = outlet->m;
	struct batch *batch;
	int rc = 0;

	while (!rc && (batch = pipeline_collect(outlet->batches))) {
		rc = write_batch(m, batch);
		if (rc)
			pipeline_fail(outlet->batches, rc);
		else
			note(outlet, batch);
		pipeline_release(outlet->batches, batch);
		if (!rc && m->options.progress && !m->options.live)
			m->options.progress(outlet->pfns, m->p2m.count);
	}
	note(outlet, NULL);
	return NULL;
}

static int init_compressors(struct outlet *outlet)
{
	const struct migrate_options *options = &outlet->m->options;

	if (options->level == LEVEL_PLAIN)
		return 0;
	outlet->compressors = calloc(options->threads, sizeof(*outlet->compressors));
	if (!outlet->compressors)
		return fail(ENOMEM, "out of memory");
	for (unsigned int i = 0; i < options->threads; i++) {
		outlet->compressors[i] = frame_compressor(options->level);
		if (!outlet->compressors[i])
			return fail(ENOMEM, "out of memory");
	}
	return 0;
}

static int start(struct outlet *outlet)
{
	unsigned int threads = outlet->m->options.threads;
	struct pipeline_plan plan = {
		.name = "send",
		.threads = threads,
		.jobs = 2 * threads + 2,
		.job_bytes = sizeof(struct batch),
		.work = work,
		.context = outlet,
	};
	int rc = init_compressors(outlet);

	if (!rc)
		rc = pipeline_start(&outlet->batches, &plan);
	if (!rc && pthread_create(&outlet->writer, NULL, run_writer, outlet))
		rc = fail(EAGAIN, "cannot start a thread");
	outlet->writer_runs = !rc;
	return rc;
}

int outlet_open(struct outlet **result, struct migration *m,
		int (*fill)(struct batch *batch, struct migration *m))
{
	struct outlet *outlet = calloc(1, sizeof(*outlet));

	*result = outlet;
	if (!outlet)
		return fail(ENOMEM, "out of memory");
	outlet->m = m;
	outlet->fill = fill;
	pthread_mutex_init(&outlet->lock, NULL);
	pthread_cond_init(&outlet->progress, NULL);
	return start(outlet);
}

struct batch *outlet_claim(struct outlet *outlet, uint64_t first, uint64_t end)
{
	struct batch *batch = pipeline_claim(outlet->batches);
	int rc = batch ? batch_prepare(batch, first, end) : 0;

	if (!rc)
		return batch;
	pipeline_fail(outlet->batches, rc);
	return NULL;
}

void outlet_submit(struct outlet *outlet, struct batch *batch)
{
	outlet->submitted++;
	pipeline_submit(outlet->batches, batch);
}

bool outlet_flush(struct outlet *outlet)
{
	bool is_done;

	pthread_mutex_lock(&outlet->lock);
	while (!outlet->has_ended && outlet->written < outlet->submitted)
		pthread_cond_wait(&outlet->progress, &outlet->lock);
	is_done = outlet->written == outlet->submitted;
	pthread_mutex_unlock(&outlet->lock);
	return is_done;
}

uint64_t outlet_written(struct outlet *outlet)
{
	uint64_t pfns;

	pthread_mutex_lock(&outlet->lock);
	pfns = outlet->pfns;
	pthread_mutex_unlock(&outlet->lock);
	return pfns;
}

static void free_batch(void *job, void *context)
{
	(void)context;
	batch_release(job);
}

int outlet_close(struct outlet *outlet, int why)
{
	int rc;

	if (!outlet)
		return why;
	if (outlet->batches)
		pipeline_end(outlet->batches, why);
	if (outlet->writer_runs)
		pthread_join(outlet->writer, NULL);
	rc = pipeline_stop(outlet->batches, free_batch);
	for (unsigned int i = 0; outlet->compressors && i < outlet->m->options.threads; i++)
		ZSTD_freeCCtx(outlet->compressors[i]);
	free(outlet->compressors);
	pthread_mutex_destroy(&outlet->lock);
	pthread_cond_destroy(&outlet->progress);
	free(outlet);
	return why ? why : rc;
}
