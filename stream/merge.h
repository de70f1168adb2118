/*
 * A chain of images, or its newest part, becomes one image of the same state, with an index. Frames of which every word counts go
 * as they are stored; of others what counts is compressed anew. Each page is held against its digest.
 */
#ifndef STREAM_MERGE_H
#define STREAM_MERGE_H

#include "stream/channel.h"
#include "stream/format.h"

struct merge {
	struct channel *from; /* the newest image, with its chain */
	struct channel *to;
	/*
	 * So many of the newest become one, which is then an increment of the next. 0: all, and it is full.
	 */
	unsigned int files;
	int level; /* zstd's, for what is compressed anew */
	unsigned int threads;
	void (*progress)(uint64_t done, uint64_t total); /* frames; may be NULL */
	/* out: */
	uint8_t state[STATE_BYTES];
	uint64_t pfns, frames, copied; /* frames of the image that were written, and copied as they were */
	uint64_t expanded_bytes, stored_bytes;
};

/* Nothing is synced. After a failure there is no image. */
int merge_chain(struct merge *merge);

#endif
