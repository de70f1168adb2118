/*
 * A growing run of bytes, and the records that are put together in one. It
 * remembers a failed allocation, so that only the end has to ask.
 */
#ifndef STREAM_BYTES_H
#define STREAM_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	uint8_t *at;
	size_t count, capacity;
	bool no_memory;
};

void bytes_release(struct bytes *bytes);

/* Room for so many bytes at the end, counted in, zeroed; NULL if there is no memory. */
void *bytes_grow(struct bytes *bytes, size_t count);
void bytes_put(struct bytes *bytes, const void *from, size_t count);

/* 0 or -ENOMEM, if any of the calls before found no memory. */
int bytes_check(const struct bytes *bytes);

/* One record with a content that lies in one piece, padded to 8. */
void record_put(struct bytes *bytes, uint32_t type, const void *content, size_t count);

#endif
