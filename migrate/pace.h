/* When may more be written, so that it is no more than so many bytes a second? Pure; times are CLOCK_MONOTONIC's. */
#ifndef MIGRATE_PACE_H
#define MIGRATE_PACE_H

#include <stdint.h>

struct pace {
	uint64_t free_ns; /* until then what was written counts for */
};

/* limit: bytes a second, 0: none. It may be another one at each call. */
void pace_count(struct pace *pace, uint64_t bytes, uint64_t limit, uint64_t now_ns);
/* Milliseconds to wait, or to wait before asking again; 0: none. */
unsigned int pace_wait(const struct pace *pace, uint64_t limit, uint64_t now_ns);

#endif
