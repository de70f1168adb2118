/*
 * Between the reader and what it reads from: a feed is a thread that cuts the
 * input into chunks, each of which holds whole items (headers, records), and
 * submits them in order. Inside stream/ only.
 */
#ifndef STREAM_FEED_H
#define STREAM_FEED_H

#include <stdatomic.h>
#include <xxhash.h>

#include "stream/bytes.h"
#include "stream/channel.h"
#include "stream/pipeline.h"
#include "stream/reader.h"

enum { RECORD_ALIGNMENT = 8 }; /* a chunk has so much more room than it needs */

struct chunk {
	struct bytes stored; /* as read, if it needs to be expanded */
	uint8_t *at;
	size_t count, capacity;
	uint64_t number;
	uint64_t left, left_at; /* so many bytes more belong to it, which stayed in the file, and where */
	atomic_uint holds;	/* records lent, and the reader's own cursor */
};

/* Input that was read but not yet used. */
struct intake {
	struct channel *from;
	uint8_t *at;
	size_t start, end, capacity;
};

struct feed {
	struct intake intake;
	struct pipeline *to;
	struct stream_facts *facts;
	/* an image's: */
	XXH64_state_t *hash;
	struct bytes table; /* struct seek_entry of what we met */
	uint64_t stored, expanded;
};

/* At least count bytes lie at intake->at + start; 0 if the input ends before, else 1. */
int intake_need(struct intake *intake, size_t count);
static inline const uint8_t *intake_at(const struct intake *intake)
{
	return intake->at + intake->start;
}

/* Room for count bytes in the chunk, what was in it is lost. */
int chunk_reserve(struct chunk *chunk, size_t count);

/* The rest of an image's head, which intake stands at; fills facts. */
int feed_image_head(struct feed *feed);
/* Runs to the end of the input. */
int feed_image(struct feed *feed);
/* A worker's part of it: stored -> at. */
int feed_image_expand(struct chunk *chunk, void *decompressor);

/* As many bytes as xl's stream has, and not one more; the bare one between helpers likewise. */
int feed_plain(struct feed *feed);
int feed_wire(struct feed *feed);
/* Exactly so many bytes, and no others. */
int feed_take(struct feed *feed, void *to, size_t count);

#endif
