/*
 * A zstd frame made without zstd: header, blocks that are stored as they are or repeat one byte, checksum. Any
 * decoder expands it: RFC 8878, 3.1.1. Mirror: feed_image_expand() in stream/feed-image.c
 */
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "log.h"
#include "stream/format.h"
#include "stream/writer.h"

enum {
	/* 4 bytes for the size of the content, which is the window too; a checksum. RFC 8878, 3.1.1.1.1 */
	DESCRIPTOR = 2 << 6 | 1 << 5 | 1 << 2,
	BLOCK_MAX = 128 << 10,
	BLOCK_HEADER = 3,
	BLOCK_RAW = 0,
	BLOCK_REPEATED = 1,
};

/* Wherever it lies. */
typedef uint64_t loose_word __attribute__((aligned(1), may_alias));

bool page_is_zero(const uint8_t *page)
{
	const loose_word *word = (const loose_word *)page;

	/* Most others differ at once; by words, as memcmp()'s vectors are slow where they are emulated. */
	for (unsigned int i = 0; i < PAGE_BYTES / sizeof(*word); i += 8)
		if (word[i] | word[i + 1] | word[i + 2] | word[i + 3] | word[i + 4] | word[i + 5] |
		    word[i + 6] | word[i + 7])
			return false;
	return true;
}

/* One block, and 0 or the rest of what it is to hold. */
static uint8_t *put_block(uint8_t *to, unsigned int type, const uint8_t *from, size_t count, bool is_last)
{
	uint32_t header = is_last | type << 1 | count << 3;

	to = mempcpy(to, &header, BLOCK_HEADER);
	return mempcpy(to, from, type == BLOCK_RAW ? count : 1);
}

/* As many bytes from there on as are one block: pages of zeroes, or others, and what stands before the first page. */
static size_t block_bytes(const uint8_t *from, size_t left, bool *is_zero)
{
	size_t count = left % PAGE_BYTES;

	*is_zero = !count && page_is_zero(from);
	if (!count)
		count = PAGE_BYTES;
	while (count < left && count + PAGE_BYTES <= BLOCK_MAX && page_is_zero(from + count) == *is_zero)
		count += PAGE_BYTES;
	return count;
}

size_t frame_stored_bound(size_t count)
{
	return count + 9 + (count / PAGE_BYTES + 1) * BLOCK_HEADER + 4;
}

ssize_t frame_store(void *to, size_t room, const void *from, size_t count)
{
	const uint32_t magic = ZSTD_MAGICNUMBER, size = count, sum = XXH64(from, count, 0);
	const uint8_t *next = from, *end = next + count;
	uint8_t *at = to;

	if (!count || count > UINT32_MAX || room < frame_stored_bound(count))
		return fail(EINVAL, "%zu bytes do not go into a frame of %zu", count, room);
	at = mempcpy(at, &magic, sizeof(magic));
	*at++ = DESCRIPTOR;
	at = mempcpy(at, &size, sizeof(size));
	while (next < end) {
		bool is_zero;
		size_t bytes = block_bytes(next, end - next, &is_zero);

		at = put_block(at, is_zero ? BLOCK_REPEATED : BLOCK_RAW, next, bytes, next + bytes == end);
		next += bytes;
	}
	at = mempcpy(at, &sum, sizeof(sum));
	return at - (uint8_t *)to;
}
