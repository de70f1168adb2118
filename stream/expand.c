/* The expander's side, see expanded.h. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "stream/cursor.h"
#include "stream/expanded.h"

static struct expander {
	struct cursor cursor;
	struct stream_facts facts;
	struct slots slots;
	/* By slot. The other process answers between the store and the load: both are in one order for the threads, too. */
	struct chunk *_Atomic *lent;
	int socket;
} expander;

static int send_message(const struct expansion_message *message)
{
	ssize_t sent;

	do {
		sent = write(expander.socket, message, sizeof(*message));
	} while (sent < 0 && errno == EINTR);
	return sent == sizeof(*message) ? 0 : fail_errno("cannot reach the builder");
}

/*
 * Slots that were read come back here, in a thread of its own. When the other end is closed nothing
 * more is wanted, whatever the other threads wait for.
 */
static void *slots_take_back(void *argument)
{
	uint32_t slot;

	(void)argument;
	for (;;) {
		ssize_t bytes = read(expander.socket, &slot, sizeof(slot));

		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes != sizeof(slot) || slot > expander.slots.count || !expander.lent[slot])
			_exit(EXIT_SUCCESS);
		cursor_drop(&expander.cursor, expander.lent[slot]);
	}
}

static int send_facts(void)
{
	const struct stream_facts *facts = &expander.facts;
	struct expansion_message message = { .kind = EXPANSION_FACTS,
					     .facts = { .is_image = facts->is_image,
							.has_rounds = facts->has_rounds,
							.is_bare = facts->is_bare,
							.is_wire = facts->is_wire,
							.frames = facts->frames,
							.xl_flags = facts->xl_flags,
							.version = facts->version,
							.xen_major = facts->xen_major,
							.xen_minor = facts->xen_minor,
							.config_bytes = facts->flat_config.count } };

	if (facts->flat_config.count > FLAT_CONFIG_BYTES)
		return fail(EBADMSG, "the config is too large");
	if (facts->flat_config.count)
		memcpy(slots_config(&expander.slots), facts->flat_config.at, facts->flat_config.count);
	return send_message(&message);
}

/* The rest of the chunk that is current. It may come back before this returns. */
static int send_chunk(struct cursor *c)
{
	struct chunk *chunk = c->current;
	const struct expansion_message message = { .kind = EXPANSION_CHUNK,
						   .chunk = { .slot = chunk->slot,
							      .offset = c->offset,
							      .count = chunk->count - c->offset,
							      .number = chunk->number,
							      .left = chunk->left,
							      .left_at = chunk->left_at } };

	c->current = NULL;
	expander.lent[chunk->slot] = chunk;
	return send_message(&message);
}

/* Of xl's old text form the reader says what is to be said. */
static int flatten_config(int (*flatten)(const char *text, struct bytes *out))
{
	struct stream_facts *facts = &expander.facts;

	return facts->config && facts->xl_flags & XL_FLAG_JSON ? flatten(facts->config, &facts->flat_config)
							       : 0;
}

static int expand_stream(struct channel *from, unsigned int threads,
			 int (*flatten)(const char *text, struct bytes *out))
{
	struct cursor *c = &expander.cursor;
	int rc;

	c->feed.slots = &expander.slots;
	rc = cursor_open(c, from, &expander.facts, threads);
	if (!rc)
		rc = read_headers(c, &expander.facts);
	if (!rc)
		rc = flatten_config(flatten);
	if (!rc)
		rc = send_facts();
	while (!rc && (rc = cursor_next(c)) == 1)
		rc = send_chunk(c);
	return rc;
}

void expand_all(struct channel *from, const struct expansion *expansion,
		int (*flatten)(const char *text, struct bytes *out))
{
	struct expansion_message end = { .kind = EXPANSION_END };
	pthread_t thread;
	int rc = slots_map(&expander.slots, expansion->slots, expansion->threads, true);

	expander.socket = expansion->socket;
	expander.lent = calloc(expander.slots.count + 1, sizeof(*expander.lent));
	if (!rc && !expander.lent)
		rc = fail(ENOMEM, "out of memory");
	if (!rc && pthread_create(&thread, NULL, slots_take_back, NULL))
		rc = fail(EAGAIN, "cannot start a thread");
	if (rc)
		_exit(EXIT_FAILURE);
	rc = expand_stream(from, expansion->threads, flatten);
	if (rc) {
		end.kind = EXPANSION_FAILED;
		end.failure.error = -rc;
		snprintf(end.failure.reason, sizeof(end.failure.reason), "%s", fail_reason());
	}
	send_message(&end);
	pthread_join(thread, NULL); /* the other side closes its end when it has read all */
	_exit(EXIT_SUCCESS);
}
