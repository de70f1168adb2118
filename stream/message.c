/*
 * See message.h. Frames messages on a line: a header with a mark, type and length, and a body. In: the line's inbox.
 * Out: a message that lies in it. The trap: a length is checked against the type's limit in MESSAGES as soon as the
 * header is there, before any of the body is waited for.
 */
#include "stream/message.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static const struct rule {
	const char *name;
	uint32_t least, most;
} rules[] = {
#define RULE(name, number, least, most) [number] = { #name, least, most },
	MESSAGES(RULE)
};

static const struct rule *find_rule(uint32_t type)
{
	return type < sizeof(rules) / sizeof(*rules) && rules[type].name ? &rules[type] : NULL;
}

const char *message_name(uint32_t type)
{
	const struct rule *rule = find_rule(type);

	return rule ? rule->name : "message of unknown type";
}

/* --- in ------------------------------------------------------------------ */

static int check_header(const struct line *line, const struct message_header *header)
{
	const struct rule *rule;

	if ((header->type & 0xffffff00) != MESSAGE_MARK)
		return fail(EPROTO, "what %s says is not pvferry's protocol", line->peer);
	rule = find_rule(header->type & 0xff);
	if (!rule || (!line->is_inner && (header->type & 0xff) >= MESSAGE_PEER))
		return fail(EPROTO, "%s sends a message of unknown type %u", line->peer, header->type & 0xff);
	if (header->bytes < rule->least || header->bytes > rule->most)
		return fail(EPROTO, "%s sends %s of %u bytes", line->peer, rule->name, header->bytes);
	return 0;
}

/* Nothing more will come. */
static int end_of(const struct line *line, size_t held)
{
	if (!line->is_over)
		return 0;
	return fail(ECONNRESET, "%s has closed the connection%s", line->peer,
		    held ? " in the midst of a message" : "");
}

/*
 * Why the process that hears the other host hears no more: "ERRNO TEXT". It may say anything; but that the guest will
 * never run there, which -ECANCELED would be to the source, only FAILED says.
 */
static int lost(const struct message *message)
{
	char text[1025], *reason;
	long error;

	snprintf(text, sizeof(text), "%.*s", (int)message->bytes, (const char *)message->body);
	error = strtol(text, &reason, 10);
	if (error <= 0 || error >= 4096 || error == ECANCELED)
		error = EPROTO;
	reason += *reason == ' ';
	return fail(error, "%s", *reason ? reason : "the connection is lost, for no reason given");
}

int message_peek(struct line *line, struct message *message)
{
	size_t held = line->end - line->start;
	struct message_header header;
	int rc;

	if (held < sizeof(header))
		return end_of(line, held);
	memcpy(&header, line->inbox + line->start, sizeof(header));
	rc = check_header(line, &header);
	if (rc)
		return rc;
	if (held < sizeof(header) + header.bytes)
		return end_of(line, held);
	*message = (struct message){ header.type & 0xff, header.bytes,
				     line->inbox + line->start + sizeof(header) };
	return message->type == MESSAGE_LOST ? lost(message) : 1;
}

int message_next(struct line *line, struct message *message)
{
	int rc;

	*message = (struct message){ 0 };
	rc = message_peek(line, message);
	if (rc > 0)
		line->start += sizeof(struct message_header) + message->bytes;
	return rc;
}

int message_wait(struct line *line, struct message *message, const char *what, int most_ms)
{
	enum { STEP_MS = 1000 };
	uint64_t until = line_now() + most_ms * 1000000ULL;

	for (;;) {
		int rc = message_next(line, message);
		uint64_t now = line_now();

		if (rc < 0 || (rc && message->type != MESSAGE_PING))
			return rc < 0 ? rc : 0;
		if (rc)
			continue;
		if (now >= until)
			return fail(ETIMEDOUT, "no %s from %s within %d s", what, line->peer, most_ms / 1000);
		rc = message_keep_alive(line);
		if (!rc)
			rc = line_wait(line, NULL, 0,
				       until - now < STEP_MS * 1000000ULL ? (until - now) / 1000000 + 1
									  : STEP_MS);
		if (rc < 0)
			return rc;
	}
}

/* Between processes of this host a body is a plain struct: the one that has the journal parses no JSON of a peer. */
static struct json_object *from_answer(const struct message *message)
{
	struct json_object *body = json_object_new_object();
	struct message_answer answer;

	memcpy(&answer, message->body, sizeof(answer));
	answer.reason[sizeof(answer.reason) - 1] = answer.state[sizeof(answer.state) - 1] = '\0';
	body_put_text(body, "reason", answer.reason);
	body_put_text(body, "state", answer.state);
	body_put_number(body, "domid", answer.domid);
	body_put_number(body, "bytes", answer.bytes);
	body_put_number(body, "frames", answer.frames);
	body_put_number(body, "build-ms", answer.build_ms);
	body_put_number(body, "unpause-ms", answer.unpause_ms);
	body_put_flag(body, "early-devices", answer.early_devices);
	body_put_flag(body, "devices-made", answer.devices_made);
	return body;
}

struct json_object *message_body(const struct line *line, const struct message *message)
{
	if (!line->is_inner)
		return body_parse(message->body, message->bytes);
	if (message->bytes == sizeof(struct message_answer))
		return from_answer(message);
	fail(EPROTO, "%s of %s has %u bytes", message_name(message->type), line->peer, message->bytes);
	return NULL;
}

int message_reason(const struct line *line, const struct message *message)
{
	struct json_object *body = message_body(line, message);
	char reason[512];

	if (!body)
		return -EPROTO;
	body_copy(body, "reason", reason, sizeof(reason));
	json_object_put(body);
	return fail(ECONNABORTED, "%s: %s", line->peer, *reason ? reason : "failed, for no reason given");
}

int message_wait_past(struct line *line, struct message *message, enum message_type type, int most_ms)
{
	uint64_t until = line_now() + most_ms * 1000000ULL, now;
	int rc;

	do {
		now = line_now();
		if (now >= until)
			return fail(ETIMEDOUT, "no %s from %s within %d s", message_name(type), line->peer,
				    most_ms / 1000);
		rc = message_wait(line, message, message_name(type), (until - now) / 1000000 + 1);
	} while (!rc && message->type == MESSAGE_PROGRESS && type != MESSAGE_PROGRESS);
	return rc;
}

struct json_object *message_expect(struct line *line, enum message_type type, int most_ms)
{
	struct message message;

	if (message_wait_past(line, &message, type, most_ms))
		return NULL;
	if (message.type == type)
		return message_body(line, &message);
	if (message.type == MESSAGE_FAILED || message.type == MESSAGE_REFUSE)
		message_reason(line, &message);
	else
		fail(EPROTO, "%s sends %s instead of %s", line->peer, message_name(message.type),
		     message_name(type));
	return NULL;
}

/*
 * A peer that fails says why and closes; what fails here then is the writing. Its reason, if it comes soon, is the
 * better one.
 */
void message_prefer_reason(struct line *line)
{
	enum { MOST_MS = 1000 };
	uint64_t until = line_now() + MOST_MS * 1000000ULL;
	char own[1024];

	snprintf(own, sizeof(own), "%s", fail_reason());
	fail_forget();
	while (line_now() < until) {
		struct message message;
		int rc = message_next(line, &message);

		if (rc > 0 && (message.type == MESSAGE_FAILED || message.type == MESSAGE_REFUSE)) {
			message_reason(line, &message);
			return;
		}
		if (rc < 0 || (!rc && line_wait(line, NULL, 0, 100) < 0))
			break;
	}
	fail_forget();
	fail(EIO, "%s", own);
}

/* --- out ----------------------------------------------------------------- */

int message_send_framed(struct line *line, enum message_type type, void *buffer, size_t bytes)
{
	struct message_header header = { MESSAGE_MARK | type, bytes };

	memcpy(buffer, &header, sizeof(header));
	return line_write(line, buffer, sizeof(header) + bytes);
}

int message_send(struct line *line, enum message_type type, const void *body, size_t bytes)
{
	uint8_t *buffer = malloc(sizeof(struct message_header) + bytes);
	int rc;

	if (!buffer)
		return fail(ENOMEM, "out of memory");
	if (bytes)
		memcpy(buffer + sizeof(struct message_header), body, bytes);
	rc = message_send_framed(line, type, buffer, bytes);
	free(buffer);
	return rc;
}

int message_send_json(struct line *line, enum message_type type, struct json_object *body)
{
	const char *text = json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN |
									JSON_C_TO_STRING_NOSLASHESCAPE);
	int rc = text ? message_send(line, type, text, strlen(text)) : fail(ENOMEM, "out of memory");

	json_object_put(body);
	return rc;
}

int message_send_last(struct line *line, enum message_type type, struct json_object *body)
{
	int rc;

	line->until_ns = line_now() + LAST_MS * 1000000ULL;
	rc = message_send_json(line, type, body);
	if (!rc)
		line_drain(line, LAST_MS);
	return rc;
}

int message_keep_alive(struct line *line)
{
	if (line_now() - line->said_ns < PING_SECONDS * 1000000000ULL)
		return 0;
	return message_send(line, MESSAGE_PING, NULL, 0);
}
