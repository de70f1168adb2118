/*
 * Between the reader and what it reads from: a feed is a thread that cuts the
 * input into chunks, each of which holds whole items (headers, records), and
 * submits them in order. Inside stream/ only.
 */
#ifndef STREAM_FEED_H
#define STREAM_FEED_H

#include <stdatomic.h>
#include <xxhash.h>

#include "stream/channel.h"
#include "stream/pipeline.h"
#include "stream/reader.h"

enum { RECORD_ALIGNMENT = 8 }; /* a chunk has so much more room than it needs */

struct chunk {
	uint8_t *stored;	   /* as read, until it is expanded; NULL if it needs not be */
	struct input_block *block; /* in which that lies; NULL: it is the chunk's own */
	uint8_t *at;
	size_t stored_count, count;
	size_t charged;		    /* see pipeline_charge() */
	uint64_t number, stored_at; /* of the frame; where it begins in an image */
	uint64_t left, left_at;	    /* so many bytes more belong to it, which stayed in the file, and where */
	struct kept *kept;	    /* copies of what was read of it */
	uint32_t part;		    /* of a chain: its place in the map's frames */
	unsigned int slot;	    /* its place in memory that is shared, if it is; and its own one, + 1 */
	unsigned int own_slot;
	atomic_uint holds; /* records lent, and the reader's own cursor */
};

/* Input that was read but not yet used. */
struct input_buffer {
	struct channel *from;
	struct input_block *block; /* NULL before anything was read */
	size_t start, end;
};

/* Goes when neither the input buffer nor any chunk holds it. */
struct input_block {
	atomic_uint holds;
	size_t capacity;
	uint8_t bytes[];
};

struct feed {
	struct input_buffer input;
	struct pipeline *to;
	struct stream_facts *facts;
	/* an image's: */
	XXH64_state_t *hash;
	XXH64_state_t *table; /* the hash of the seek table's entries of what we met */
	uint64_t frames;      /* and their number */
	bool only_looks;      /* whether all is there: nothing is submitted */
	size_t walked;	      /* bytes of the frame at hand that were looked at */
	uint64_t stored, expanded;
	struct chain_map *chain; /* that is read instead of one image, or beside it; NULL: none */
	struct slots *slots;	 /* where chunks lie that another process reads; NULL: in memory of ours */
};

/* At least count bytes lie at input_at(); 0 if the input ends before, else 1. What was there before may move. */
int input_need(struct input_buffer *input, size_t count);
/* One read, of at most so many bytes, behind those that are there; room for count from input_at() on. 0: the end. */
ssize_t input_read(struct input_buffer *input, size_t count, size_t most);
void input_release(struct input_buffer *input);
static inline const uint8_t *input_at(const struct input_buffer *input)
{
	return input->block->bytes + input->start;
}
/* What the chunk has stored stands at input_at(), and stays there. */
void chunk_lend_stored(struct chunk *chunk, const struct input_buffer *input);
/* Room of its own for it. */
int chunk_own_stored(struct chunk *chunk);
/* It is expanded, or not wanted any more. */
void chunk_drop_stored(struct chunk *chunk);

/* A free one, with room for so many bytes expanded; those and the stored ones, which are the caller's to set, count. */
int chunk_claim(struct feed *feed, size_t stored, size_t count, struct chunk **chunk);
/* A copy that lives as long as the chunk is held. NULL, with a reason, if there is no memory. */
const uint8_t *chunk_keep(struct chunk *chunk, const uint8_t *from, size_t count);
/* Frees the copies; nothing of the chunk is in use any more. */
void chunk_forget(struct chunk *chunk);

/* The rest of an image's head, which the input stands at; fills facts. */
int feed_image_head(struct feed *feed);
/* Runs to the end of the input. */
int feed_image(struct feed *feed);
/* A worker's part of it: stored -> at. */
int feed_image_expand(struct chunk *chunk, void *decompressor);
/* It could not be expanded: says where in the file it is, and which pages it held. error: ZSTD_decompressDCtx()'s. */
int chunk_damaged(const struct chunk *chunk, size_t error);

/* The head of an image, as feed_image_head(); and the channel's chain, if it has one: see feed-chain.c. */
int feed_chain_open(struct feed *feed);
int feed_chain(struct feed *feed);
int feed_chain_expand(const struct feed *feed, struct chunk *chunk, void *decompressor);
void feed_chain_close(struct feed *feed);

/* As many bytes as xl's stream has, and not one more; the bare one between helpers likewise. */
int feed_plain(struct feed *feed);
int feed_wire(struct feed *feed);
/* Exactly so many bytes, and no others. */
int feed_take(struct feed *feed, void *to, size_t count);

#endif
