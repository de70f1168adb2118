/* See cursor.h. Nothing here knows zstd, which a process that builds a guest does not even load. */
#include "stream/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/expanded.h"

/* A copy, in the list of those that go with their chunk. */
struct kept {
	struct kept *next;
	_Alignas(RECORD_ALIGNMENT) uint8_t bytes[];
};

const uint8_t *chunk_keep(struct chunk *chunk, const uint8_t *from, size_t count)
{
	struct kept *kept = malloc(sizeof(*kept) + count);

	if (!kept) {
		fail(ENOMEM, "out of memory");
		return NULL;
	}
	memcpy(kept->bytes, from, count);
	kept->next = chunk->kept;
	chunk->kept = kept;
	return kept->bytes;
}

void chunk_forget(struct chunk *chunk)
{
	while (chunk->kept) {
		struct kept *next = chunk->kept->next;

		free(chunk->kept);
		chunk->kept = next;
	}
}

/* The last one to hold it gives it back: the cursor itself, or a thread that still copied out of it. */
void cursor_drop(struct cursor *c, struct chunk *chunk)
{
	if (chunk && atomic_fetch_sub(&chunk->holds, 1) == 1)
		c->source->release(c, chunk);
}

int cursor_next(struct cursor *c)
{
	while (!c->current || c->offset == c->current->count) {
		cursor_drop(c, c->current);
		c->current = c->source->collect(c);
		c->offset = 0;
		if (!c->current)
			return c->source->error(c);
		atomic_store(&c->current->holds, 1);
	}
	return 1;
}

int cursor_take(struct cursor *c, size_t count, const uint8_t **at)
{
	int rc = cursor_next(c);

	if (rc <= 0)
		return rc ? rc : fail(ENODATA, "%s ends before its last record", c->feed.input.from->name);
	if (c->current->count - c->offset < count)
		return fail(EBADMSG, "frame %lu: a record crosses its end", c->current->number);
	*at = c->current->at + c->offset;
	c->offset += count;
	return 0;
}

void cursor_align(struct cursor *c)
{
	size_t skew = -c->offset % RECORD_ALIGNMENT;

	memmove(c->current->at + c->offset + skew, c->current->at + c->offset, c->current->count - c->offset);
	c->offset += skew;
	c->current->count += skew;
}

void cursor_close(struct cursor *c)
{
	c->source->close(c);
}

/* --- an input that another process expands -------------------------------------- */

static struct chunk *attached_collect(struct cursor *c)
{
	return expanded_collect(c->expanded);
}

static int attached_error(const struct cursor *c)
{
	return expanded_error(c->expanded);
}

static void attached_release(struct cursor *c, struct chunk *chunk)
{
	chunk_forget(chunk);
	expanded_release(c->expanded, chunk);
}

static void attached_close(struct cursor *c)
{
	expanded_close(c->expanded);
}

static const struct cursor_source attached = { attached_collect, attached_error, attached_release,
					       attached_close };

int cursor_attach(struct cursor *c, const struct expansion *expansion, struct channel *pages,
		  struct stream_facts *facts)
{
	c->source = &attached;
	c->feed.input.from = pages;
	c->feed.facts = facts;
	return expanded_open(&c->expanded, expansion, pages, facts);
}
