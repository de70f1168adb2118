/* The reader's side, see expanded.h. */
#include "stream/expanded.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "process/stop.h"
#include "stream/cursor.h"

struct expanded {
	int socket;
	struct slots slots;
	bool leaves_pages; /* it may, in a file that is read here */
	bool is_over;
	int error;
	/* By slot. One that holds a lent record is the expander's again when it was sent back. */
	struct place {
		struct chunk chunk;
		atomic_bool is_lent;
	} places[];
};

/* The next packet, whole, and none that is longer; waits for it. */
static int take_message(const struct expanded *e, struct expansion_message *message)
{
	struct pollfd fds[2] = { { .fd = e->socket, .events = POLLIN },
				 { .fd = stop_fd(), .events = POLLIN } };

	for (;;) {
		ssize_t bytes = recv(e->socket, message, sizeof(*message), MSG_DONTWAIT | MSG_TRUNC);
		int rc;

		if (bytes == sizeof(*message))
			return 0;
		if (bytes > 0)
			return fail(EPROTO, "the expander sent a message of %zd bytes", bytes);
		if (!bytes || (errno != EAGAIN && errno != EINTR))
			return fail(EXPANDER_LOST, "the expander ended before the image did");
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return fail_errno("poll");
		rc = stop_requested();
		if (rc)
			return rc;
	}
}

static int take_failure(const struct expansion_failure *failure)
{
	int error = abs(failure->error % 4096);

	return fail(error, "%.*s", (int)sizeof(failure->reason) - 1, failure->reason);
}

static int take_config(struct expanded *e, uint32_t bytes, struct stream_facts *facts)
{
	if (!bytes)
		return 0;
	if (bytes > FLAT_CONFIG_BYTES)
		return fail(EPROTO, "the expander sent a config of %u bytes", bytes);
	bytes_put(&facts->flat_config, slots_config(&e->slots), bytes);
	return bytes_check(&facts->flat_config) ? fail(ENOMEM, "out of memory") : 0;
}

static int take_facts(struct expanded *e, struct stream_facts *facts)
{
	struct expansion_message message;
	const struct expansion_facts *from = &message.facts;
	int rc = take_message(e, &message);

	if (rc)
		return rc;
	if (message.kind == EXPANSION_FAILED)
		return take_failure(&message.failure);
	if (message.kind != EXPANSION_FACTS)
		return fail(EPROTO, "the expander began with a message of kind %u", message.kind);
	*facts = (struct stream_facts){ .is_image = from->is_image,
					.has_rounds = from->has_rounds,
					.is_bare = from->is_bare,
					.is_wire = from->is_wire,
					.frames = from->frames,
					.xl_flags = from->xl_flags,
					.version = from->version,
					.xen_major = from->xen_major,
					.xen_minor = from->xen_minor };
	return take_config(e, from->config_bytes, facts);
}

int expanded_open(struct expanded **result, const struct expansion *expansion, const struct channel *pages,
		  struct stream_facts *facts)
{
	size_t count = cursor_chunks(expansion->threads) + 1;
	struct expanded *e = calloc(1, sizeof(*e) + count * sizeof(*e->places));
	int rc;

	*result = e;
	if (!e)
		return fail(ENOMEM, "out of memory");
	e->socket = expansion->socket;
	e->leaves_pages = pages && pages->leave_pages;
	rc = slots_map(&e->slots, expansion->slots, expansion->threads, false);
	return rc ? rc : take_facts(e, facts);
}

static int check_chunk(const struct expanded *e, const struct expansion_chunk *c)
{
	if (c->slot > e->slots.count || atomic_load(&e->places[c->slot].is_lent) ||
	    c->offset > slot_bytes(&e->slots, c->slot) ||
	    c->count > slot_bytes(&e->slots, c->slot) - c->offset || c->offset % RECORD_ALIGNMENT)
		return fail(EPROTO, "the expander sent %u bytes at %u of slot %u", c->count, c->offset,
			    c->slot);
	if (c->left && (!e->leaves_pages || c->left > RECORD_MAX_BYTES || c->left_at > INT64_MAX - c->left))
		return fail(EPROTO, "the expander left %lu bytes at %lu of the file", c->left, c->left_at);
	return 0;
}

static int take_chunk(struct expanded *e, struct chunk **chunk)
{
	struct expansion_message message;
	const struct expansion_chunk *c = &message.chunk;
	int rc = take_message(e, &message);

	if (!rc && message.kind == EXPANSION_FAILED)
		rc = take_failure(&message.failure);
	if (!rc && message.kind == EXPANSION_END)
		e->is_over = true;
	if (rc || e->is_over)
		return rc;
	rc = message.kind == EXPANSION_CHUNK
		   ? check_chunk(e, c)
		   : fail(EPROTO, "the expander sent a message of kind %u", message.kind);
	if (rc)
		return rc;
	atomic_store(&e->places[c->slot].is_lent, true);
	*chunk = &e->places[c->slot].chunk;
	**chunk = (struct chunk){ .at = e->slots.at + slot_offset(c->slot) + c->offset,
				  .count = c->count,
				  .number = c->number,
				  .left = c->left,
				  .left_at = c->left_at,
				  .slot = c->slot };
	return 0;
}

struct chunk *expanded_collect(struct expanded *e)
{
	struct chunk *chunk = NULL;

	if (!e->error && !e->is_over)
		e->error = take_chunk(e, &chunk);
	return chunk;
}

int expanded_error(const struct expanded *e)
{
	return e->error;
}

void expanded_release(struct expanded *e, struct chunk *chunk)
{
	uint32_t slot = chunk->slot;

	atomic_store(&e->places[slot].is_lent, false);
	/* If it is gone, the next chunk that is waited for says so. */
	while (send(e->socket, &slot, sizeof(slot), MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

void expanded_close(struct expanded *e)
{
	if (!e)
		return;
	for (unsigned int i = 0; i <= e->slots.count; i++)
		chunk_forget(&e->places[i].chunk);
	slots_unmap(&e->slots);
	free(e);
}
