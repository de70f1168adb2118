/* See send-round.h. */
#include "migrate/send-round.h"

#include "migrate/map-ahead.h"
#include "stream/pipeline.h"

/* --- mapping ------------------------------------------------------------------------- */

static int map_window(void *task, unsigned int worker, void *context)
{
	struct migration *m = context;
	uint64_t first = *(uint64_t *)task, left = m->p2m.count - first;

	(void)worker;
	guest_view_map(&m->precopy->view, m->domain, first,
		       first + (left < WINDOW_PFNS ? left : WINDOW_PFNS));
	return 0;
}

int round_map(struct migration *m)
{
	struct pipeline_plan plan = {
		.name = "map",
		.threads = m->options.threads,
		.tasks = 2 * m->options.threads,
		.task_bytes = sizeof(uint64_t),
		.work = map_window,
		.context = m,
		.unordered = true,
	};
	struct pipeline *windows;
	int rc = pipeline_start(&windows, &plan);

	for (uint64_t first = 0; !rc && first < m->p2m.count; first += WINDOW_PFNS) {
		uint64_t *task = pipeline_claim(windows);

		if (!task)
			break;
		*task = first;
		pipeline_submit(windows, task);
	}
	return rc ? rc : pipeline_stop(windows, NULL);
}

/* --- sending ------------------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t count_due(const struct migration *m, uint64_t first, uint64_t end)
{
	uint64_t due = 0;

	if (dirty_reads_all(&m->precopy->dirty))
		return end - first;
	for (uint64_t pfn = first; pfn < end; pfn++)
		due += send_is_due(m, pfn);
	return due;
}

/* As far as a batch from there on may go: many small ones cost more turns of all who pass them on. */
static uint64_t batch_end(const struct migration *m, uint64_t first, uint64_t limit, uint64_t *due)
{
	uint64_t end = first;

	*due = 0;
	while (end < limit) {
		uint64_t next = least(end + BATCH_PAGES, limit);
		uint64_t more = count_due(m, end, next);

		if (*due + more > BATCH_PAGES)
			break;
		*due += more;
		end = next;
	}
	return end;
}

/* False if the round is not to go on. */
static bool send_window(struct migration *m, uint64_t first, uint64_t limit)
{
	struct precopy *p = m->precopy;
	uint64_t end, due;

	guest_view_map(&p->view, m->domain, first, limit);
	for (; first < limit; first = end) {
		struct batch *batch;

		if (!p->is_stopped && precopy_is_over(&m->options.limits, precopy_elapsed_ms(p)))
			return false;
		end = batch_end(m, first, limit, &due);
		if (!due)
			continue;
		batch = send_queue_claim(p->queue, first, end);
		if (!batch)
			return false;
		send_queue_submit(p->queue, batch);
	}
	return true;
}

void send_round(struct migration *m)
{
	for (uint64_t first = 0; first < m->p2m.count; first += WINDOW_PFNS)
		if (!send_window(m, first, least(first + WINDOW_PFNS, m->p2m.count)))
			return;
}
