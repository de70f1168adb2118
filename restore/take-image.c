/*
 * The image on its way from the lines to the builder, see destination-session.h. Mirror: migrate/send-image.c. In:
 * DATA, by turns from all connections. Out: bytes into the builder's feed, in the order in which the source cut them.
 * The trap: the builder may be slower than the network; while its feed is full the peer must still be heard, and told
 * how far we are.
 */
#include <errno.h>
#include <json-c/json.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "restore/destination-session.h"
#include "stream/message.h"

enum { STEP_MS = 1000, SOON_MS = 10 };

/* Of what we have passed on nothing waits for it any more. */
static bool has_builder_read(const struct destination_session *t)
{
	int waiting;

	return !ioctl(builder_feed(t->builder), SIOCOUTQ, &waiting) && !waiting;
}

/* Is there something that the other side waits to hear? */
static bool is_news_due(const struct destination_session *t)
{
	return t->taken < t->bytes;
}

/* The other side stops the guest when it knows that. */
static bool are_devices_news(const struct destination_session *t)
{
	return maker_is_done(&t->maker) && !t->has_told_devices;
}

/* At once that devices are made; at most every SOON_MS that all has arrived; every STEP_MS in any case. */
int take_tell(struct destination_session *t)
{
	uint64_t silent_ns = line_now() - t->told_ns;
	bool is_news = silent_ns >= SOON_MS * 1000000ULL && is_news_due(t) && has_builder_read(t);
	struct json_object *body;

	builder_listen(t->builder);
	if (maker_has_news(&t->maker) && maker_hear(&t->maker))
		return -EIO;
	if (!is_news && !are_devices_news(t) && silent_ns < STEP_MS * 1000000ULL)
		return message_keep_alive(&t->line);
	t->told_ns = line_now();
	t->taken = is_news ? t->bytes : t->taken;
	body = json_object_new_object();
	body_put_number(body, "frames", t->status->built->pages);
	body_put_number(body, "bytes", t->taken);
	t->has_told_devices = maker_is_done(&t->maker);
	body_put_flag(body, "devices-made", t->has_told_devices);
	return message_send_json(&t->line, MESSAGE_PROGRESS, body);
}

static unsigned int step_ms(const struct destination_session *t)
{
	return is_news_due(t) ? SOON_MS : STEP_MS;
}

/* The builder is slow, or gone: then its feed says so. */
static int wait_for_builder(struct destination_session *t)
{
	struct pollfd fds[2] = { { .fd = builder_feed(t->builder), .events = POLLOUT },
				 { .fd = builder_watch(t->builder), .events = POLLIN } };
	int rc = take_tell(t);

	if (!rc)
		rc = line_wait(&t->line, fds, 2, STEP_MS);
	return rc < 0 ? rc : 0;
}

static int pass_on(struct destination_session *t, const struct message *data)
{
	const uint8_t *from = data->body;
	size_t left = data->bytes;
	int rc = 0;

	XXH64_update(t->hash, from, left);
	t->bytes += left;
	t->pieces++;
	t->status->wire_bytes += left + sizeof(struct message_header);
	/* The data lies in the line's own inbox, and must stay there while the line is heard. */
	t->line.is_lent = true;
	while (!rc && left) {
		ssize_t done = write(builder_feed(t->builder), from, left);

		if (done > 0) {
			from += done;
			left -= done;
		} else if (errno == EAGAIN || errno == EINTR) {
			rc = wait_for_builder(t);
		} else {
			rc = -EPIPE; /* it knows why */
		}
	}
	t->line.is_lent = false;
	return rc;
}

static int take_end(struct destination_session *t, const struct message_end *end)
{
	if (end->bytes != t->bytes || end->hash != XXH64_digest(t->hash))
		return fail(EBADMSG,
			    "image corrupted in transit: got %lu of %lu bytes, or the checksum differs",
			    t->bytes, end->bytes);
	t->all_read_ns = line_now();
	/* The guest has stopped at the source, and what served its devices there is at rest. */
	if (maker_open(&t->maker))
		return -EIO;
	/* The end of its input: the builder finishes the domain. */
	shutdown(builder_feed(t->builder), SHUT_WR);
	return 0;
}

/* The next of the lane whose turn it is, if that is not the line itself: 1, or 0 if it is not there yet. */
static int take_from_lane(struct destination_session *t, struct line *lane)
{
	struct message message;
	int rc = message_next(lane, &message);

	if (rc <= 0 || message.type == MESSAGE_PING)
		return rc;
	if (message.type != MESSAGE_DATA)
		return fail(EPROTO, "%s comes by a further connection", message_name(message.type));
	rc = pass_on(t, &message);
	return rc ? rc : 1;
}

/* DATA waits for its turn, and END for all of it: 1 if the message was taken, ALL_READ if it was the last. */
enum { ALL_READ = 2 };

static int take_message(struct destination_session *t, const struct message *message, bool is_our_turn)
{
	struct message_end end;
	int rc = 1;

	switch (message->type) {
	case MESSAGE_PING: break;
	case MESSAGE_DATA:
		if (!is_our_turn)
			return 0;
		rc = pass_on(t, message);
		if (rc)
			return rc;
		rc = 1;
		break;
	case MESSAGE_END:
		memcpy(&end, message->body, sizeof(end));
		if (!is_our_turn && end.bytes > t->bytes)
			return 0;
		rc = take_end(t, &end);
		rc = rc ? rc : ALL_READ;
		break;
	case MESSAGE_FAILED: return message_reason(&t->line, message);
	default:
		return fail(EPROTO, "%s sends %s in the midst of an image", t->line.peer,
			    message_name(message->type));
	}
	t->line.start += sizeof(struct message_header) + message->bytes;
	return rc;
}

static int wait_for_more(struct destination_session *t, struct line *lane)
{
	struct pollfd others[] = { { .fd = lane ? lane->in : -1, .events = POLLIN },
				   { .fd = maker_watch(&t->maker), .events = POLLIN },
				   { .fd = builder_watch(t->builder), .events = POLLIN } };
	int rc = take_tell(t);

	if (!rc)
		rc = line_wait(&t->line, others, 3, step_ms(t));
	if (rc > 0 && others[0].revents)
		rc = line_wait(lane, NULL, 0, 0);
	return rc < 0 ? rc : 0;
}

int take_image(struct destination_session *t)
{
	for (;;) {
		unsigned int number = t->pieces % t->lanes.count;
		struct line *lane = number ? &t->lanes.lane[number] : NULL;
		struct message message;
		int rc = message_peek(&t->line, &message);

		if (rc > 0)
			rc = take_message(t, &message, !lane);
		if (!rc && lane)
			rc = take_from_lane(t, lane);
		if (!rc)
			rc = wait_for_more(t, lane);
		if (rc < 0 || rc == ALL_READ)
			return rc < 0 ? rc : 0;
	}
}
