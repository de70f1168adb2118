/* A cursor over an input that threads of this process read and expand, see cursor.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zstd.h>

#include "log.h"
#include "stream/cursor.h"
#include "stream/format.h"
#include "stream/slots.h"

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
	if (feed->slots)
		rc = slots_reserve(feed->slots, chunk, count);
	else
		chunk->at = malloc(count + RECORD_ALIGNMENT);
	*result = chunk;
	return rc || chunk->at ? rc : fail(ENOMEM, "out of memory");
}

static void free_chunk(void *task, void *context)
{
	struct chunk *chunk = task;

	struct cursor *c = context;

	chunk_forget(chunk);
	chunk_drop_stored(chunk);
	if (!c->feed.slots)
		free(chunk->at);
	chunk->at = NULL;
}

/* A worker's part. What was stored is given back at once: it counts against the input's memory. */
static int expand(void *task, unsigned int worker, void *context)
{
	struct cursor *c = context;

	struct chunk *chunk = task;
	int rc;

	if (!c->feed.facts->is_image && !c->feed.facts->is_wire)
		return 0;
	rc = c->feed.chain ? feed_chain_expand(&c->feed, chunk, c->decompressors[worker])
			   : feed_image_expand(chunk, c->decompressors[worker]);
	chunk_drop_stored(chunk);
	chunk->charged -= chunk->stored_count;
	pipeline_discharge(c->chunks, chunk->stored_count);
	return rc;
}

/* The thread that reads the input: one, as what stands where is known only when all before it was read. */
static void *run_feed(void *argument)
{
	struct cursor *c = argument;
	int rc = c->feed.chain		 ? feed_chain(&c->feed)
	       : c->feed.facts->is_image ? feed_image(&c->feed)
	       : c->feed.facts->is_wire	 ? feed_wire(&c->feed)
					 : feed_plain(&c->feed);

	pipeline_end(c->chunks, rc);
	return NULL;
}

/* --- as the cursor's source ---------------------------------------------------- */

static struct chunk *fed_collect(struct cursor *c)
{
	return pipeline_collect(c->chunks);
}

static int fed_error(const struct cursor *c)
{
	return pipeline_error(c->chunks);
}

static void fed_release(struct cursor *c, struct chunk *chunk)
{
	size_t charged = chunk->charged;

	if (c->feed.slots)
		slots_release(c->feed.slots, chunk);
	free_chunk(chunk, c);
	pipeline_discharge(c->chunks, charged);
	pipeline_release(c->chunks, chunk);
}

/* The feed may wait for a free chunk or for the input: the first two lines end both, and only then is it joined. */
static void fed_close(struct cursor *c)
{
	struct channel *from = c->feed.input.from;

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
	input_release(&c->feed.input);
	feed_chain_close(&c->feed);
	if (from->cancel_fd >= 0)
		close(from->cancel_fd);
	from->cancel_fd = -1;
}

static const struct cursor_source fed = { fed_collect, fed_error, fed_release, fed_close };

/* What kind of input is it? Reads a little, and an image's head. */
static int recognise(struct cursor *c)
{
	struct input_buffer *in = &c->feed.input;
	uint32_t magic;

	while (in->end < sizeof(magic)) {
		ssize_t got = input_read(in, sizeof(magic), sizeof(magic) - in->end);

		if (got < 0)
			return got;
		if (!got)
			return fail(EMEDIUMTYPE, "%s is %s", in->from->name,
				    in->end ? "too short for an image" : "empty");
	}
	memcpy(&magic, input_at(in), sizeof(magic));
	if (magic == HEAD_MAGIC)
		return feed_chain_open(&c->feed);
	c->feed.facts->is_wire = magic == WIRE_MAGIC;
	c->feed.facts->is_bare = magic == WIRE_MAGIC || magic == (uint32_t)IMAGE_MARKER;
	if (c->feed.facts->is_bare || !memcmp(&magic, XL_MAGIC, sizeof(magic)))
		return 0;
	if (magic == ZSTD_FRAME_MAGIC)
		return fail(EMEDIUMTYPE,
			    "%s was compressed by the zstd command, which is read from a file, not from a "
			    "pipe: \"zstd -dc\" in front expands it",
			    in->from->name);
	return fail(EMEDIUMTYPE, "%s is neither an image of pvferry nor an xl save file", in->from->name);
}

static int cursor_start(struct cursor *c)
{
	struct pipeline_plan plan = {
		.name = "expand",
		.threads = c->threads,
		.tasks = cursor_chunks(c->threads),
		.task_bytes = sizeof(struct chunk),
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

int cursor_open(struct cursor *c, struct channel *from, struct stream_facts *facts, unsigned int threads)
{
	int rc;

	c->source = &fed;
	c->threads = threads;
	c->feed.input.from = from;
	c->feed.facts = facts;
	from->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (from->cancel_fd < 0)
		return fail_errno("eventfd");
	rc = recognise(c);
	return rc ? rc : cursor_start(c);
}
