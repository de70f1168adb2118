/* Growing runs of bytes and records in them, see bytes.h. */
#include "stream/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/format.h"

void bytes_release(struct bytes *bytes)
{
	free(bytes->at);
	*bytes = (struct bytes){ 0 };
}

static bool bytes_make_room(struct bytes *bytes, size_t count)
{
	size_t capacity = bytes->capacity ? bytes->capacity : 4096;
	uint8_t *at;

	while (capacity - bytes->count < count)
		capacity *= 2;
	at = realloc(bytes->at, capacity);
	if (!at)
		return false;
	bytes->at = at;
	bytes->capacity = capacity;
	return true;
}

void *bytes_grow(struct bytes *bytes, size_t count)
{
	uint8_t *at;

	if (bytes->capacity - bytes->count < count && !bytes_make_room(bytes, count))
		bytes->no_memory = true;
	if (bytes->no_memory)
		return NULL;
	if (!bytes->at)
		return NULL; /* no bytes were asked for, and none were put before */
	at = bytes->at + bytes->count;
	memset(at, 0, count);
	bytes->count += count;
	return at;
}

void bytes_put(struct bytes *bytes, const void *from, size_t count)
{
	void *at = bytes_grow(bytes, count);

	if (at && count)
		memcpy(at, from, count);
}

int bytes_check(const struct bytes *bytes)
{
	return bytes->no_memory ? fail(ENOMEM, "out of memory") : 0;
}

void record_put(struct bytes *bytes, uint32_t type, const void *content, size_t count)
{
	struct record_header header = { type, count };

	bytes_put(bytes, &header, sizeof(header));
	bytes_put(bytes, content, count);
	bytes_grow(bytes, -count & 7);
}
