/* See cursor.h. */
#include "stream/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"
#include "stream/expanded.h"
#include "stream/format.h"
#include "stream/slots.h"

int intake_need(struct intake *in, size_t count)
{
	while (in->end - in->start < count) {
		size_t room;
		ssize_t got;

		if (in->start)
			memmove(in->at, in->at + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
		room = count + (64 << 10);
		room += room < 1 << 20 ? 1 << 20 : room / 8; /* not once more for each read */
		if (in->capacity < count + (64 << 10)) {
			uint8_t *at = realloc(in->at, room);

			if (!at)
				return fail(ENOMEM, "out of memory");
			in->at = at;
			in->capacity = room;
		}
		got = channel_read_some(in->from, in->at + in->end, in->capacity - in->end);
		if (got <= 0)
			return got;
		in->end += got;
	}
	return 1;
}

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

int chunk_claim(struct feed *feed, size_t stored, size_t count, struct chunk **result)
{
	struct chunk *chunk = pipeline_claim(feed->to);
	int rc = 0;

	if (!chunk || !pipeline_charge(feed->to, stored + count + RECORD_ALIGNMENT))
		return pipeline_error(feed->to);
	chunk->charged = stored + count + RECORD_ALIGNMENT;
	chunk->stored_count = stored;
	chunk->count = count;
	chunk->left = 0;
	chunk->stored = malloc(stored);
	if (feed->slots)
		rc = slots_reserve(feed->slots, chunk, count);
	else
		chunk->at = malloc(count + RECORD_ALIGNMENT);
	*result = chunk;
	return rc || (chunk->at && (chunk->stored || !stored)) ? rc : fail(ENOMEM, "out of memory");
}

static void free_chunk(void *job, void *context)
{
	struct chunk *chunk = job;

	struct cursor *c = context;

	chunk_forget(chunk);
	free(chunk->stored);
	if (!c->feed.slots)
		free(chunk->at);
	chunk->stored = chunk->at = NULL;
}

static int expand(void *job, unsigned int worker, void *context)
{
	struct cursor *c = context;

	struct chunk *chunk = job;
	int rc;

	if (!c->feed.facts->is_image && !c->feed.facts->is_wire)
		return 0;
	rc = feed_image_expand(chunk, c->decompressors[worker]);
	free(chunk->stored);
	chunk->stored = NULL;
	chunk->charged -= chunk->stored_count;
	pipeline_discharge(c->chunks, chunk->stored_count);
	return rc;
}

static void *run_feed(void *argument)
{
	struct cursor *c = argument;
	int rc = c->feed.facts->is_image ? feed_image(&c->feed)
	       : c->feed.facts->is_wire	 ? feed_wire(&c->feed)
					 : feed_plain(&c->feed);

	pipeline_end(c->chunks, rc);
	return NULL;
}

void cursor_drop(struct cursor *c, struct chunk *chunk)
{
	size_t charged;

	if (!chunk || atomic_fetch_sub(&chunk->holds, 1) != 1)
		return;
	if (c->expanded) {
		chunk_forget(chunk);
		expanded_release(c->expanded, chunk);
		return;
	}
	if (c->feed.slots)
		slots_release(c->feed.slots, chunk);
	charged = chunk->charged;
	free_chunk(chunk, c);
	pipeline_discharge(c->chunks, charged);
	pipeline_release(c->chunks, chunk);
}

int cursor_next(struct cursor *c)
{
	while (!c->current || c->offset == c->current->count) {
		cursor_drop(c, c->current);
		c->current = c->expanded ? expanded_collect(c->expanded) : pipeline_collect(c->chunks);
		c->offset = 0;
		if (!c->current)
			return c->expanded ? expanded_error(c->expanded) : pipeline_error(c->chunks);
		atomic_store(&c->current->holds, 1);
	}
	return 1;
}

int cursor_take(struct cursor *c, size_t count, const uint8_t **at)
{
	int rc = cursor_next(c);

	if (rc <= 0)
		return rc ? rc : fail(ENODATA, "%s ends before its last record", c->feed.intake.from->name);
	if (c->current->count - c->offset < count)
		return fail(EBADMSG, "frame %lu: a record crosses its end", c->current->number);
	*at = c->current->at + c->offset;
	c->offset += count;
	return 0;
}

/* What kind of input is it? Reads a little, and an image's head. */
static int recognise(struct cursor *c)
{
	struct intake *in = &c->feed.intake;
	uint32_t magic;

	in->at = malloc(sizeof(magic));
	in->capacity = in->at ? sizeof(magic) : 0;
	if (!in->at)
		return fail(ENOMEM, "out of memory");
	while (in->end < sizeof(magic)) {
		ssize_t got = channel_read_some(in->from, in->at + in->end, sizeof(magic) - in->end);

		if (got < 0)
			return got;
		if (!got)
			return fail(EMEDIUMTYPE, "%s is %s", in->from->name,
				    in->end ? "too short for an image" : "empty");
		in->end += got;
	}
	memcpy(&magic, in->at, sizeof(magic));
	if (magic == HEAD_MAGIC)
		return feed_image_head(&c->feed);
	c->feed.facts->is_wire = magic == WIRE_MAGIC;
	c->feed.facts->is_bare = magic == WIRE_MAGIC || magic == (uint32_t)IMAGE_MARKER;
	if (c->feed.facts->is_bare || !memcmp(&magic, XL_MAGIC, sizeof(magic)))
		return 0;
	if (magic == ZSTD_FRAME_MAGIC)
		return fail(EMEDIUMTYPE, "%s was compressed by somebody else: pipe it through zstd -dc",
			    in->from->name);
	return fail(EMEDIUMTYPE, "%s is neither an image of pvferry nor an xl save file", in->from->name);
}

static int start(struct cursor *c)
{
	struct pipeline_plan plan = {
		.name = "expand",
		.threads = c->threads,
		.jobs = cursor_chunks(c->threads),
		.job_bytes = sizeof(struct chunk),
		.most_bytes = INPUT_MOST_BYTES,
		.work = expand,
		.context = c,
	};
	int rc;

	c->decompressors = calloc(c->threads, sizeof(*c->decompressors));
	if (!c->decompressors)
		return fail(ENOMEM, "out of memory");
	for (unsigned int i = 0; i < c->threads; i++) {
		c->decompressors[i] = ZSTD_createDCtx();
		if (!c->decompressors[i])
			return fail(ENOMEM, "out of memory");
	}
	rc = pipeline_start(&c->chunks, &plan);
	if (rc)
		return rc;
	c->feed.to = c->chunks;
	if (pthread_create(&c->thread, NULL, run_feed, c))
		return fail(EAGAIN, "cannot start a thread");
	c->thread_runs = true;
	return 0;
}

void cursor_align(struct cursor *c)
{
	size_t skew = -c->offset % RECORD_ALIGNMENT;

	memmove(c->current->at + c->offset + skew, c->current->at + c->offset, c->current->count - c->offset);
	c->offset += skew;
	c->current->count += skew;
}

int cursor_open(struct cursor *c, struct channel *from, struct stream_facts *facts, unsigned int threads)
{
	int rc;

	c->threads = threads;
	c->feed.intake.from = from;
	c->feed.facts = facts;
	from->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (from->cancel_fd < 0)
		return fail_errno("eventfd");
	rc = recognise(c);
	return rc ? rc : start(c);
}

void cursor_close(struct cursor *c)
{
	struct channel *from = c->feed.intake.from;

	expanded_close(c->expanded);
	if (c->expanded)
		return;
	if (c->chunks)
		pipeline_fail(c->chunks, -ECANCELED);
	if (from->cancel_fd >= 0)
		eventfd_write(from->cancel_fd, 1);
	if (c->thread_runs)
		pthread_join(c->thread, NULL);
	pipeline_stop(c->chunks, free_chunk);
	for (unsigned int i = 0; c->decompressors && i < c->threads; i++)
		ZSTD_freeDCtx(c->decompressors[i]);
	free(c->decompressors);
	XXH64_freeState(c->feed.hash);
	XXH64_freeState(c->feed.table);
	free(c->feed.intake.at);
	if (from->cancel_fd >= 0)
		close(from->cancel_fd);
	from->cancel_fd = -1;
}

int cursor_attach(struct cursor *c, const struct expansion *expansion, struct channel *pages,
		  struct stream_facts *facts)
{
	c->feed.intake.from = pages;
	c->feed.facts = facts;
	return expanded_open(&c->expanded, expansion, pages, facts);
}
