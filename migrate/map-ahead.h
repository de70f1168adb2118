/*
 * The guest's memory, mapped read-only from the first pfn to the last: windows
 * of many batches, a few of them ahead of the one in use, by threads of their
 * own. Asking for pages is most of what a plain save does.
 *
 * Nothing is unmapped: a PV domain 0 pays a trap for each entry it takes down,
 * four times what mapping cost, while the kernel drops all at once when the
 * process ends. A job is a process, so that is soon.
 */
#ifndef MIGRATE_MAP_AHEAD_H
#define MIGRATE_MAP_AHEAD_H

#include "migrate/migrate.h"

/* A process may have 65530 mappings: enough for 2 TiB. */
enum { WINDOW_PFNS = 16 * BATCH_PAGES };

struct window {
	uint64_t first, end;  /* pfns */
	const uint8_t *pages; /* those of them with data, side by side; NULL if none has */
	mfn_t mfn[WINDOW_PFNS];
};

struct map_ahead;

int map_ahead_start(struct map_ahead **ahead, const struct migration *m);
/* The window after the last one, which is lost, its mapping not. Not to be called after the last pfn's. */
int map_ahead_next(struct map_ahead *ahead, const struct window **window);
/* NULL is fine. */
void map_ahead_stop(struct map_ahead *ahead);

#endif
