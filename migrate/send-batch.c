/*
 * See send-batch.h. Memory is mapped ahead, workers fill and compress, one
 * thread writes in order. Guest pages are copied before they are compressed: a
 * backend may still write to them, and zstd wants its input to hold still. A
 * plain stream is written straight out of the guest, unless that is to run on
 * before; only tables are copied then.
 */
#include "migrate/send-batch.h"

#include "migrate/map-ahead.h"
#include "migrate/outlet.h"

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

static int submit_all(struct migration *m, struct outlet *outlet, struct map_ahead *ahead)
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
		batch = outlet_claim(outlet, first, first + (left < BATCH_PAGES ? left : BATCH_PAGES));
		if (!batch)
			return 0; /* another worker failed: outlet_close() tells */
		from = choose(batch, &m->p2m, from);
		outlet_submit(outlet, batch);
	}
	return 0;
}

int send_memory(struct migration *m)
{
	struct map_ahead *ahead = NULL;
	struct outlet *outlet = NULL;
	int rc = map_ahead_start(&ahead, m);

	if (!rc)
		rc = outlet_open(&outlet, m, batch_fill_any);
	if (!rc)
		rc = submit_all(m, outlet, ahead);
	map_ahead_stop(ahead);
	return outlet_close(outlet, rc);
}
