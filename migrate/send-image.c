/*
 * The image on its way from the sender to the lines, see source-session.h. Mirror: restore/take-image.c In: bytes from
 * the sender's socket. Out: DATA messages of at most PIECE_BYTES, by turns over all connections, and a hash of them.
 * The trap: the other host must be heard all the time, as it may have failed, and told that this one is there.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "migrate/source-session.h"
#include "stream/body.h"

enum { STEP_MS = 1000 };

static int note_progress(struct source_session *m, const struct message *message)
{
	struct json_object *body = message_body(&m->line, message);

	if (!body)
		return -EPROTO;
	m->status->live.taken_bytes = body_number(body, "bytes", 0);
	if (body_flag(body, "devices-made"))
		m->status->live.devices_are_due = false;
	json_object_put(body);
	return 0;
}

int source_session_hear(struct source_session *m)
{
	struct message message;
	int rc;

	while ((rc = message_next(&m->line, &message)) > 0) {
		if (message.type == MESSAGE_FAILED || message.type == MESSAGE_REFUSE)
			return message_reason(&m->line, &message);
		if (message.type == MESSAGE_PROGRESS) {
			rc = note_progress(m, &message);
			if (rc)
				return rc;
		} else if (message.type != MESSAGE_PING)
			return fail(EPROTO, "%s sends %s instead of listening", m->line.peer,
				    message_name(message.type));
	}
	return rc;
}

/* Meanwhile the other side is heard, and told that we are there. */
static int send_by_lane(struct source_session *m, unsigned int number, size_t bytes)
{
	struct line *lane = &m->lanes.lane[number].line;
	struct message_header header = { MESSAGE_MARK | MESSAGE_DATA, bytes };
	const uint8_t *from = m->piece;
	size_t left = sizeof(header) + bytes;
	int rc = 0;

	memcpy(m->piece, &header, sizeof(header));
	while (rc >= 0 && left) {
		struct pollfd writable = { .fd = lane->out, .events = POLLOUT };
		ssize_t done = line_write_some(lane, from, left);

		if (done > 0) {
			from += done;
			left -= done;
			continue;
		}
		if (done != -EAGAIN)
			return lanes_failure(&m->lanes, number);
		rc = source_session_hear(m);
		if (!rc)
			rc = message_keep_alive(&m->line);
		if (!rc)
			rc = line_wait(&m->line, &writable, 1, STEP_MS);
	}
	return rc < 0 ? rc : 0;
}

static int send_piece(struct source_session *m, size_t bytes)
{
	/*
	 * By turns, so that the destination knows by counting which connection the next piece comes from. Number 0 is
	 * the one that has all other messages.
	 */
	unsigned int number = m->pieces++ % m->lanes.count;

	m->end.bytes += bytes;
	m->status->live.wire_bytes += sizeof(struct message_header) + bytes;
	return number ? send_by_lane(m, number, bytes)
		      : message_send_framed(&m->line, MESSAGE_DATA, m->piece, bytes);
}

/* 1, or 0 at the end of the feed. */
static int pass_on(struct source_session *m)
{
	uint8_t *body = m->piece + sizeof(struct message_header);
	ssize_t got = read(sender_feed(m->sender), body, PIECE_BYTES);
	int rc;

	if (got < 0)
		return errno == EINTR ? 1 : fail_errno("cannot read what the sender sends");
	if (!got)
		return 0;
	XXH64_update(m->hash, body, got);
	rc = send_piece(m, got);
	pace_count(&m->pace, got, m->status->live.bandwidth_bytes, now_ns());
	return rc ? rc : 1;
}

/* A limit of the bandwidth spares others' traffic; it is not to keep a guest stopped. */
static unsigned int pause_ms(struct source_session *m)
{
	if (m->status->sent.is_asked)
		return 0;
	return pace_wait(&m->pace, m->status->live.bandwidth_bytes, now_ns());
}

int source_session_send(struct source_session *m)
{
	for (;;) {
		struct pollfd feed = { .fd = sender_feed(m->sender), .events = POLLIN };
		unsigned int pause = pause_ms(m);
		int rc = source_session_hear(m);

		if (!rc)
			rc = message_keep_alive(&m->line);
		if (!rc)
			rc = line_wait(&m->line, &feed, pause ? 0 : 1, pause ? pause : STEP_MS);
		if (rc < 0)
			return rc;
		if (rc & LINE_OTHER && !pause) {
			rc = pass_on(m);
			if (rc <= 0)
				return rc;
		}
	}
}
