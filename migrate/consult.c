/*
 * See consult.h. What a source asks another host before it moves anything: its condition, the way's latency and speed,
 * whether its processors suffice. In: a peer. Out: struct consultation. The trap: answers come through the speaker,
 * which a peer may have taken over.
 */
#include "migrate/consult.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "migrate/speaker.h"
#include "stream/bytes.h"
#include "stream/front.h"

enum { ANSWER_MS = 20000, ROUND_TRIPS = 5, ALL_MS = 60000 };

/* Long enough for TCP to get up to speed, short enough to wait for: whichever comes first. */
enum { PIECE_BYTES = 1 << 20, PIECES_MOST = 256, SEND_MS = 2000 };

/* --- in the speaker ---------------------------------------------------------------- */

int consult_tell(struct front *f, const struct message *message)
{
	struct json_object *body = body_parse(message->body, message->bytes);
	struct message_condition is = { .software = "" };

	if (!body)
		return -EPROTO;
	body_copy(body, "software", is.software, sizeof(is.software));
	body_copy(body, "xen", is.xen, sizeof(is.xen));
	body_copy(body, "reason", is.reason, sizeof(is.reason));
	is.free_mib = body_number(body, "free-mib", 0);
	is.bytes = body_number(body, "bytes", 0);
	json_object_put(body);
	return front_tell(f, message->type, &is, sizeof(is));
}

/* --- in its parent -------------------------------------------------------------------- */

/* The struct comes from the speaker, which a peer may have taken over: texts end here. */
static int hear(struct line *line, struct message_condition *is)
{
	struct message message;
	int rc = message_wait_past(line, &message, MESSAGE_CONDITION, ANSWER_MS);

	if (rc)
		return rc;
	if (message.type == MESSAGE_REFUSE || message.type == MESSAGE_FAILED)
		return message_reason(line, &message);
	if (message.type != MESSAGE_CONDITION || message.bytes != sizeof(*is))
		return fail(EPROTO, "%s answers with %s", line->peer, message_name(message.type));
	memcpy(is, message.body, sizeof(*is));
	is->software[sizeof(is->software) - 1] = is->xen[sizeof(is->xen) - 1] = '\0';
	is->reason[sizeof(is->reason) - 1] = '\0';
	return 0;
}

static int consult_ask(struct line *line, struct message_condition *is)
{
	int rc = message_send_json(line, MESSAGE_CONSULT, json_object_new_object());

	if (rc) {
		message_prefer_reason(line);
		return rc;
	}
	return hear(line, is);
}

static int measure_latency(struct line *line, struct consultation *c)
{
	struct message_condition is;
	int rc = 0;

	c->latency_us = UINT64_MAX;
	for (int i = 0; !rc && i < ROUND_TRIPS; i++) {
		uint64_t start = line_now(), us;

		rc = consult_ask(line, &is);
		us = (line_now() - start) / 1000;
		c->latency_us = us < c->latency_us ? us : c->latency_us;
	}
	return rc;
}

static int compare_processors(struct line *line, const struct bytes *policy, struct consultation *c)
{
	struct message_condition is;
	int rc = message_send(line, MESSAGE_POLICY, policy->at, policy->count);

	if (!rc)
		rc = hear(line, &is);
	if (!rc)
		snprintf(c->lack, sizeof(c->lack), "%s", is.reason);
	return rc;
}

/* Until the other host has said that it has all of it: what is still in buffers does not count. */
static int measure_speed(struct line *line, struct consultation *c)
{
	uint8_t *piece = calloc(1, sizeof(struct message_header) + PIECE_BYTES);
	uint64_t start = line_now(), sent = 0;
	struct message_condition is;
	struct message_end end = { 0 };
	int rc = piece ? 0 : fail(ENOMEM, "out of memory");

	for (int i = 0; !rc && i < PIECES_MOST && line_now() - start < SEND_MS * 1000000ULL; i++) {
		rc = message_send_framed(line, MESSAGE_DATA, piece, PIECE_BYTES);
		sent += PIECE_BYTES;
	}
	free(piece);
	end.bytes = sent;
	if (!rc)
		rc = message_send(line, MESSAGE_END, &end, sizeof(end));
	if (!rc)
		rc = hear(line, &is);
	if (rc)
		return rc;
	if ((uint64_t)is.bytes != sent)
		return fail(EPROTO, "%s received %ld of %lu bytes", line->peer, is.bytes, sent);
	c->bytes_per_second = sent * 1000000000.0 / (line_now() - start + 1);
	return 0;
}

int consult(const struct peer *peer, const struct bytes *policy, struct consultation *c)
{
	char connection[CONNECTION_TEXT];
	struct line line = { .in = -1, .out = -1 };
	struct child *speaker = NULL;
	int rc = speaker_start(&speaker, &line, peer, connection);

	*c = (struct consultation){ .is_let_in = !rc };
	line.until_ns = line_now() + ALL_MS * 1000000ULL;
	if (!rc)
		rc = consult_ask(&line, &c->is);
	if (!rc)
		rc = measure_latency(&line, c);
	if (!rc && policy)
		rc = compare_processors(&line, policy, c);
	if (!rc)
		rc = measure_speed(&line, c);
	if (rc)
		rc = front_reason(&speaker, &line, rc);
	line_close(&line);
	front_end(speaker);
	return rc;
}
