/*
 * See map-ahead.h. Mapping is a call to the kernel and to Xen for each window, so a few windows ahead are mapped by
 * threads while one is sent. The trap: a window that is released is not unmapped: pages stay mapped to the end of the
 * process, since a PV domain 0 pays for each page that it unmaps.
 */
#include "migrate/map-ahead.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"
#include "stream/pipeline.h"

struct map_ahead {
	const struct migration *m;
	struct pipeline *windows;
	struct window *current;
	uint64_t submitted; /* pfns that are in a window, mapped or to be */
};

static int map_window(void *task, unsigned int worker, void *context)
{
	struct map_ahead *ahead = context;
	const struct p2m *p2m = &ahead->m->p2m;
	struct window *window = task;
	size_t count = 0;

	(void)worker;
	for (uint64_t pfn = window->first; pfn < window->end; pfn++)
		if (frame_has_data(p2m->type[pfn]))
			window->mfn[count++] = p2m->mfn[pfn];
	window->pages = count ? domain_map(ahead->m->domain, window->mfn, count, false, NULL) : NULL;
	if (count && !window->pages)
		return fail(EFAULT, "cannot map pfns %#lx to %#lx", window->first, window->end - 1);
	return 0;
}

/* If there are pfns left, and no worker failed: a failure is told in its turn. */
static void submit(struct map_ahead *ahead)
{
	uint64_t left = ahead->m->p2m.count - ahead->submitted;
	struct window *window = left ? pipeline_claim(ahead->windows) : NULL;

	if (!window)
		return;
	window->first = ahead->submitted;
	window->end = window->first + (left < WINDOW_PFNS ? left : WINDOW_PFNS);
	ahead->submitted = window->end;
	pipeline_submit(ahead->windows, window);
}

int map_ahead_start(struct map_ahead **result, const struct migration *m)
{
	struct map_ahead *ahead = calloc(1, sizeof(*ahead));
	struct pipeline_plan plan = {
		.name = "map",
		.threads = m->options.threads,
		.tasks = m->options.threads + 1,
		.task_bytes = sizeof(struct window),
		.work = map_window,
		.context = ahead,
	};
	int rc;

	*result = ahead;
	if (!ahead)
		return fail(ENOMEM, "out of memory");
	ahead->m = m;
	rc = pipeline_start(&ahead->windows, &plan);
	for (unsigned int i = 0; !rc && i < plan.threads; i++)
		submit(ahead);
	return rc;
}

int map_ahead_next(struct map_ahead *ahead, const struct window **window)
{
	if (ahead->current)
		pipeline_release(ahead->windows, ahead->current);
	*window = ahead->current = pipeline_collect(ahead->windows);
	if (!ahead->current)
		return pipeline_error(ahead->windows);
	submit(ahead);
	return 0;
}

void map_ahead_stop(struct map_ahead *ahead)
{
	if (ahead)
		pipeline_stop(ahead->windows, NULL);
	free(ahead);
}
