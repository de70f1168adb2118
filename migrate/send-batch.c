/*
 * See send-batch.h. Memory is mapped ahead, workers fill and compress, one
 * thread writes in order. Guest pages are copied before they are compressed: a
 * backend may still write to them, and zstd wants its input to hold still. A
 * plain stream is written straight out of the guest, unless that is to run on
 * before; only tables are copied then.
 */
#include "migrate/send-batch.h"

#include "migrate/map-ahead.h"
#include "migrate/send-queue.h"

static int batch_fill_any(struct batch *batch, struct migration *m)
{
	bool in_parts = m->options.level == LEVEL_PLAIN && !m->is_held;

	return in_parts ? batch_fill_parts(batch, m) : batch_fill(batch, m);
}

/* All its words; returns where the pages of the next batch begin. */
static const uint8_t *choose(struct batch *batch, const struct p2m *p2m, const uint8_t *from)
{
	for (uint64_t pfn = batch->first; pfn < batch->first + batch->count; pfn++) {
		bool has_data = frame_has_data(p2m->type[pfn]);

		batch_add(batch, pfn, p2m->type[pfn], has_data ? from : NULL);
		from += has_data ? PAGE_BYTES : 0;
	}
	return from;
}

static int submit_all(struct migration *m, struct send_queue *queue, struct map_ahead *ahead)
{
	const struct window *window = NULL;
	const uint8_t *from = NULL;

	for (uint64_t first = 0; first < m->p2m.count; first += BATCH_PAGES) {
		uint64_t left = m->p2m.count - first;
		struct batch *batch;

		if (!window || first == window->end) {
			int rc = map_ahead_next(ahead, &window);

			if (rc)
				return rc;
			from = window->pages;
		}
		batch = send_queue_claim(queue, first, first + (left < BATCH_PAGES ? left : BATCH_PAGES));
		if (!batch)
			return 0; /* another worker failed: send_queue_close() tells */
		from = choose(batch, &m->p2m, from);
		send_queue_submit(queue, batch);
	}
	return 0;
}

int send_memory(struct migration *m)
{
	struct map_ahead *ahead = NULL;
	struct send_queue *queue = NULL;
	int rc = map_ahead_start(&ahead, m);

	if (!rc)
		rc = send_queue_open(&queue, m, batch_fill_any);
	if (!rc)
		rc = submit_all(m, queue, ahead);
	map_ahead_stop(ahead);
	return send_queue_close(queue, rc);
}
