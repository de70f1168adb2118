/*
 * See send-queue.h. Three kinds of thread: one claims and submits batches, workers fill and compress them
 * (send_queue_work()), one writes (run_writer()). The pipeline holds their order. The trap: a failure of the writer is
 * found by the one who claims, at the next batch; send_queue_close() returns the first one, of whichever thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "migrate/compress.h"
#include "migrate/hold.h"
#include "migrate/increment.h"
#include "migrate/send-queue-parts.h"
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
static int fill_batch(struct batch *batch, struct send_queue *queue)
{
	struct index_draft *draft = queue->m->options.index;
	int rc = queue->fill(batch, queue->m);

	if (!rc && draft && batch->record_bytes)
		index_draft_count(draft, batch->frame, batch->words);
	return rc;
}

static int send_queue_work(void *task, unsigned int worker, void *context)
{
	struct send_queue *queue = context;
	struct batch *batch = task;
	uint64_t start = now_ns();
	int rc = stop_requested();

	if (!rc && !batch->is_filled)
		rc = fill_batch(batch, queue);
	if (!rc && batch->record_bytes && queue->m->is_held)
		return hold(batch, queue->m);
	if (!rc && batch->record_bytes && queue->m->options.index)
		rc = cut(batch, queue->m->options.index);
	if (!rc && batch->record_bytes && queue->compressors.of_worker)
		rc = compress_batch(&queue->compressors, worker, batch, start);
	return rc;
}

static int write_frame(struct send_queue *queue, const struct batch *batch)
{
	struct level_cost start = cost_now();
	int rc = writer_frame(&queue->m->writer, batch->stored, batch->stored_bytes, batch->record_bytes);

	/* A level that follows the writer has to see what the disk takes. */
	if (!rc && queue->compressors.is_auto)
		rc = channel_keep_pace(queue->m->to);
	compressors_note_written(&queue->compressors, batch->stored_bytes, start);
	return rc;
}

static int write_batch(struct send_queue *queue, struct batch *batch)
{
	struct migration *m = queue->m;
	int rc;

	if (m->is_held && batch->record_bytes)
		return hold_add(m->hold, (struct held){ batch->record, batch->record_bytes, batch->count });
	rc = batch->stored_bytes && m->options.index ? increment_note(batch, m) : 0;
	if (rc)
		return rc;
	if (batch->stored_bytes)
		return write_frame(queue, batch);
	if (batch->part_count)
		return channel_write_parts(m->to, batch->parts, batch->part_count);
	return batch->record_bytes ? channel_write(m->to, batch->record, batch->record_bytes) : 0;
}

/* What is held is done with when it is written, which comes later. */
static void send_queue_note(struct send_queue *queue, const struct batch *batch)
{
	pthread_mutex_lock(&queue->lock);
	queue->written += batch != NULL;
	queue->pfns += batch ? batch->count : 0;
	queue->has_ended = !batch;
	pthread_cond_signal(&queue->progress);
	pthread_mutex_unlock(&queue->lock);
}

/*
 * Of a live job others tell; but a save that is live only to be short of stop goes once over the guest, and little
 * more. Before the batch is noted: while one is on its way the one who submits changes nothing that is read here.
 */
static void show_progress(const struct send_queue *queue, const struct batch *batch)
{
	const struct migration *m = queue->m;
	uint64_t total = m->p2m.count, done = queue->pfns + batch->count;

	if (m->options.progress && (!m->options.live || m->options.runs_on) && !m->is_held)
		m->options.progress(done < total ? done : total, total);
}

static void *run_writer(void *argument)
{
	struct send_queue *queue = argument;
	struct batch *batch;
	int rc = 0;

	while (!rc && (batch = pipeline_collect(queue->batches))) {
		rc = write_batch(queue, batch);
		if (rc) {
			pipeline_fail(queue->batches, rc);
		} else {
			show_progress(queue, batch);
			send_queue_note(queue, batch);
		}
		pipeline_release(queue->batches, batch);
	}
	send_queue_note(queue, NULL);
	return NULL;
}

static int send_queue_start(struct send_queue *queue)
{
	unsigned int threads = queue->m->options.threads;
	struct pipeline_plan plan = {
		.name = "send",
		.threads = threads,
		/* One at each worker and one waiting for it, one being filled and one being written. */
		.tasks = 2 * threads + 2,
		.task_bytes = sizeof(struct batch),
		.work = send_queue_work,
		.context = queue,
	};
	int rc = compressors_init(&queue->compressors, queue->m->options.level, threads);

	if (!rc)
		rc = pipeline_start(&queue->batches, &plan);
	if (!rc && pthread_create(&queue->writer, NULL, run_writer, queue))
		rc = fail(EAGAIN, "cannot start a thread");
	queue->writer_runs = !rc;
	return rc;
}

int send_queue_open(struct send_queue **result, struct migration *m,
		    int (*fill)(struct batch *batch, struct migration *m))
{
	struct send_queue *queue = calloc(1, sizeof(*queue));

	*result = queue;
	if (!queue)
		return fail(ENOMEM, "out of memory");
	queue->m = m;
	queue->fill = fill;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->progress, NULL);
	return send_queue_start(queue);
}

struct batch *send_queue_claim(struct send_queue *queue, uint64_t first, uint64_t end)
{
	const struct migration *m = queue->m;
	bool has_room = !m->is_held || !hold_is_full(m->hold) || send_queue_make_room(queue);
	struct batch *batch = has_room ? pipeline_claim(queue->batches) : NULL;
	int rc = batch ? batch_prepare(batch, first, end) : 0;

	if (!rc)
		return batch;
	pipeline_fail(queue->batches, rc);
	return NULL;
}

void send_queue_submit(struct send_queue *queue, struct batch *batch)
{
	queue->submitted++;
	pipeline_submit(queue->batches, batch);
}

/* What is held is written later, and then these rounds have to be apart, too. */
static bool end_round(struct send_queue *queue)
{
	struct migration *m = queue->m;
	int rc = m->is_held ? hold_add(m->hold, (struct held){ 0 }) : 0;

	if (rc)
		pipeline_fail(queue->batches, rc);
	return !rc;
}

bool send_queue_flush(struct send_queue *queue)
{
	bool is_done;

	pthread_mutex_lock(&queue->lock);
	while (!queue->has_ended && queue->written < queue->submitted)
		pthread_cond_wait(&queue->progress, &queue->lock);
	is_done = queue->written == queue->submitted;
	pthread_mutex_unlock(&queue->lock);
	return is_done && end_round(queue);
}

static void free_batch(void *task, void *context)
{
	(void)context;
	batch_release(task);
}

int send_queue_close(struct send_queue *queue, int why)
{
	int rc;

	if (!queue)
		return why;
	if (queue->batches)
		pipeline_end(queue->batches, why);
	if (queue->writer_runs)
		pthread_join(queue->writer, NULL);
	rc = pipeline_stop(queue->batches, free_batch);
	compressors_release(&queue->compressors);
	pthread_mutex_destroy(&queue->lock);
	pthread_cond_destroy(&queue->progress);
	free(queue);
	return why ? why : rc;
}
