/*
 * What was read of an input and not yet used. It lies in blocks: a frame stays where it was read until it is
 * expanded, and only the piece of a frame at the end of a block is copied to the next one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/feed.h"

enum {
	BLOCK_BYTES = 4 << 20,
	AHEAD_BYTES = 64 << 10, /* more than was asked for: headers come in small pieces */
};

static void block_drop(struct input_block *block)
{
	if (block && atomic_fetch_sub(&block->holds, 1) == 1)
		free(block);
}

static bool is_held(const struct input_block *block)
{
	return atomic_load(&block->holds) > 1;
}

/* So that count bytes have room behind start: those that are there move to the front of the block, or of a new one. */
static int input_make_room(struct input_buffer *in, size_t count)
{
	size_t kept = in->end - in->start, room = count + AHEAD_BYTES;
	struct input_block *block = in->block;

	if (!block || is_held(block) || block->capacity < room) {
		/* A frame that grows while it is read does not move once for each piece. */
		room += room / 8;
		if (room < BLOCK_BYTES)
			room = BLOCK_BYTES;
		block = malloc(sizeof(*block) + room);
		if (!block)
			return fail(ENOMEM, "out of memory");
		block->capacity = room;
		atomic_init(&block->holds, 1);
	}
	if (kept)
		memmove(block->bytes, input_at(in), kept);
	if (block != in->block)
		block_drop(in->block);
	in->block = block;
	in->start = 0;
	in->end = kept;
	return 0;
}

ssize_t input_read(struct input_buffer *in, size_t count, size_t most)
{
	ssize_t got;

	if (!in->block || in->block->capacity - in->start < count) {
		int rc = input_make_room(in, count);

		if (rc)
			return rc;
	}
	if (most > in->block->capacity - in->end)
		most = in->block->capacity - in->end;
	got = channel_read_some(in->from, in->block->bytes + in->end, most);
	if (got > 0)
		in->end += got;
	return got;
}

int input_need(struct input_buffer *in, size_t count)
{
	while (in->end - in->start < count) {
		ssize_t got = input_read(in, count, SIZE_MAX);

		if (got <= 0)
			return got;
	}
	return 1;
}

void input_release(struct input_buffer *in)
{
	block_drop(in->block);
	in->block = NULL;
}

void chunk_lend_stored(struct chunk *chunk, const struct input_buffer *in)
{
	chunk->stored = in->block->bytes + in->start;
	chunk->block = in->block;
	atomic_fetch_add(&in->block->holds, 1);
}

int chunk_own_stored(struct chunk *chunk)
{
	chunk->stored = malloc(chunk->stored_count);
	return chunk->stored ? 0 : fail(ENOMEM, "out of memory");
}

void chunk_drop_stored(struct chunk *chunk)
{
	if (chunk->block)
		block_drop(chunk->block);
	else
		free(chunk->stored);
	chunk->stored = NULL;
	chunk->block = NULL;
}
