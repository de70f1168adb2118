/*
 * See outlet.h. Three kinds of thread: one claims and submits batches, workers fill and compress them (outlet_work()),
 * one writes (run_writer()). The pipeline holds their order. The trap: a failure of the writer is found by the one who
 * claims, at the next batch; outlet_close() returns the first one, of whichever thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "migrate/compress.h"
#include "migrate/hold.h"
#include "migrate/increment.h"
#include "migrate/outlet-parts.h"
#include "process/stop.h"

/* The batch's own room is filled again and again, and stays in the processor's cache; so to copy once more costs little. */
static int hold(struct batch *batch, struct migration *m)
{
	uint8_t *place = hold_take(m->hold, batch->record_bytes);

	if (!place)
		return fail(ENOMEM, "out of memory");
	batch->record = memcpy(place, batch->record, batch->record_bytes);
	return 0;
}

/* Of a guest that is stopped pages are only copied; they are digested when it runs again. */
static int cut(struct batch *batch, const struct index_draft *draft)
{
	if (batch->is_filled)
		batch_load(batch, batch->record, batch->record_bytes);
	return increment_cut(batch, draft);
}

/* Before it is held: held records may be cut in any order. */
static int fill_batch(struct batch *batch, struct outlet *outlet)
{
	struct index_draft *draft = outlet->m->options.index;
	int rc = outlet->fill(batch, outlet->m);

	if (!rc && draft && batch->record_bytes)
		index_draft_count(draft, batch->frame, batch->words);
	return rc;
}

static int outlet_work(void *job, unsigned int worker, void *context)
{
	struct outlet *outlet = context;
	struct batch *batch = job;
	uint64_t start = now_ns();
	int rc = stop_requested();

	if (!rc && !batch->is_filled)
		rc = fill_batch(batch, outlet);
	if (!rc && batch->record_bytes && outlet->m->is_held)
		return hold(batch, outlet->m);
	if (!rc && batch->record_bytes && outlet->m->options.index)
		rc = cut(batch, outlet->m->options.index);
	if (!rc && batch->record_bytes && outlet->compressors.of_worker)
		rc = compress_batch(&outlet->compressors, worker, batch, start);
	return rc;
}

static int write_frame(struct outlet *outlet, const struct batch *batch)
{
	struct level_cost start = cost_now();
	int rc = writer_frame(&outlet->m->writer, batch->stored, batch->stored_bytes, batch->record_bytes);

	/* A level that follows the writer has to see what the disk takes. */
	if (!rc && outlet->compressors.is_auto)
		rc = channel_keep_pace(outlet->m->to);
	compressors_note_written(&outlet->compressors, batch->stored_bytes, start);
	return rc;
}

static int write_batch(struct outlet *outlet, struct batch *batch)
{
	struct migration *m = outlet->m;
	int rc;

	if (m->is_held && batch->record_bytes)
		return hold_add(m->hold, (struct held){ batch->record, batch->record_bytes, batch->count });
	rc = batch->stored_bytes && m->options.index ? increment_note(batch, m) : 0;
	if (rc)
		return rc;
	if (batch->stored_bytes)
		return write_frame(outlet, batch);
	if (batch->part_count)
		return channel_write_parts(m->to, batch->parts, batch->part_count);
	return batch->record_bytes ? channel_write(m->to, batch->record, batch->record_bytes) : 0;
}

/* What is held is done with when it is written, which comes later. */
static void outlet_note(struct outlet *outlet, const struct batch *batch)
{
	pthread_mutex_lock(&outlet->lock);
	outlet->written += batch != NULL;
	outlet->pfns += batch ? batch->count : 0;
	outlet->has_ended = !batch;
	pthread_cond_signal(&outlet->progress);
	pthread_mutex_unlock(&outlet->lock);
}

/*
 * Of a live job others tell; but a save that is live only to be short of stop goes once over the guest, and little
 * more. Before the batch is noted: while one is on its way the one who submits changes nothing that is read here.
 */
static void show_progress(const struct outlet *outlet, const struct batch *batch)
{
	const struct migration *m = outlet->m;
	uint64_t total = m->p2m.count, done = outlet->pfns + batch->count;

	if (m->options.progress && (!m->options.live || m->options.runs_on) && !m->is_held)
		m->options.progress(done < total ? done : total, total);
}

static void *run_writer(void *argument)
{
	struct outlet *outlet = argument;
	struct batch *batch;
	int rc = 0;

	while (!rc && (batch = pipeline_collect(outlet->batches))) {
		rc = write_batch(outlet, batch);
		if (rc) {
			pipeline_fail(outlet->batches, rc);
		} else {
			show_progress(outlet, batch);
			outlet_note(outlet, batch);
		}
		pipeline_release(outlet->batches, batch);
	}
	outlet_note(outlet, NULL);
	return NULL;
}

static int outlet_start(struct outlet *outlet)
{
	unsigned int threads = outlet->m->options.threads;
	struct pipeline_plan plan = {
		.name = "send",
		.threads = threads,
		/* One at each worker and one waiting for it, one being filled and one being written. */
		.jobs = 2 * threads + 2,
		.job_bytes = sizeof(struct batch),
		.work = outlet_work,
		.context = outlet,
	};
	int rc = compressors_init(&outlet->compressors, outlet->m->options.level, threads);

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
	return outlet_start(outlet);
}

struct batch *outlet_claim(struct outlet *outlet, uint64_t first, uint64_t end)
{
	const struct migration *m = outlet->m;
	bool has_room = !m->is_held || !hold_is_full(m->hold) || outlet_make_room(outlet);
	struct batch *batch = has_room ? pipeline_claim(outlet->batches) : NULL;
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

/* What is held is written later, and then these rounds have to be apart, too. */
static bool end_round(struct outlet *outlet)
{
	struct migration *m = outlet->m;
	int rc = m->is_held ? hold_add(m->hold, (struct held){ 0 }) : 0;

	if (rc)
		pipeline_fail(outlet->batches, rc);
	return !rc;
}

bool outlet_flush(struct outlet *outlet)
{
	bool is_done;

	pthread_mutex_lock(&outlet->lock);
	while (!outlet->has_ended && outlet->written < outlet->submitted)
		pthread_cond_wait(&outlet->progress, &outlet->lock);
	is_done = outlet->written == outlet->submitted;
	pthread_mutex_unlock(&outlet->lock);
	return is_done && end_round(outlet);
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
	compressors_release(&outlet->compressors);
	pthread_mutex_destroy(&outlet->lock);
	pthread_cond_destroy(&outlet->progress);
	free(outlet);
	return why ? why : rc;
}
