/*
 * What two hosts say to each other while a guest moves: messages, each a type,
 * a length and a body. man/pvferry-protocol.7 is the text, this is the same in
 * C. No length is believed that its type does not allow.
 */
#ifndef STREAM_MESSAGE_H
#define STREAM_MESSAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/body.h"
#include "stream/line.h"

enum {
	PROTOCOL_VERSION = 1,
	DATA_MAX_BYTES = 1 << 20,
	POLICY_MAX_BYTES = (24 + 16) << 16 | 16, /* two records at their longest, and their headers */
	PING_SECONDS = 5,			 /* after so long a silence of ours */
};

struct message_header {
	uint32_t type; /* MESSAGE_MARK | enum message_type */
	uint32_t bytes;
};
static_assert(sizeof(struct message_header) == 8, "message header");

/* Within a host, in place of JSON that answers something. Texts may lack their end. */
struct message_answer {
	char reason[512], state[32];
	int64_t domid, bytes, frames, build_ms, unpause_ms;
	uint8_t early_devices, devices_made; /* 0 or 1 */
};

/* The same of CONDITION, what a host is like. */
struct message_condition {
	char software[64], xen[64], reason[512]; /* reason: "", or what guests cannot do there */
	int64_t free_mib, bytes;		 /* bytes: of DATA, so far */
};

#define MESSAGE_MARK 0x46565000u /* "\0PVF" */

struct message_end {
	uint64_t bytes; /* of all DATA */
	uint64_t hash;	/* XXH64 of them, seed 0 */
};
static_assert(sizeof(struct message_end) == 16, "END");

/* Number, name, the least and the most bytes of its body. */
#define MESSAGES(_) \
	_(HELLO, 1, 2, BODY_MAX_BYTES) \
	_(OFFER, 2, 2, BODY_MAX_BYTES) \
	_(POLICY, 3, 0, POLICY_MAX_BYTES) \
	_(ACCEPT, 4, 2, BODY_MAX_BYTES) \
	_(REFUSE, 5, 2, BODY_MAX_BYTES) \
	_(DATA, 6, 1, DATA_MAX_BYTES) \
	_(END, 7, 16, 16) \
	_(PROGRESS, 8, 2, BODY_MAX_BYTES) \
	_(PING, 9, 0, 0) \
	_(READY, 10, 2, BODY_MAX_BYTES) \
	_(GO, 11, 0, 0) \
	_(RUNNING, 12, 2, BODY_MAX_BYTES) \
	_(FAILED, 13, 2, BODY_MAX_BYTES) \
	_(QUERY, 14, 2, BODY_MAX_BYTES) \
	_(STATE, 15, 2, BODY_MAX_BYTES) \
	_(JOIN, 16, 2, BODY_MAX_BYTES) \
	_(CONSULT, 17, 2, BODY_MAX_BYTES) \
	_(CONDITION, 18, 2, BODY_MAX_BYTES) \
	/* Within a host only. */ \
	_(PEER, 19, 4, 512) \
	_(LOST, 20, 3, 1024)

#define MESSAGE_NUMBER(name, number, ...) MESSAGE_##name = number,
enum message_type { MESSAGES(MESSAGE_NUMBER) };

struct message {
	enum message_type type;
	uint32_t bytes;
	const uint8_t *body; /* lent until the line is waited for */
};

/* "OFFER"; for messages, so never NULL. */
const char *message_name(uint32_t type);

/*
 * The next whole message of what was heard: 1, or 0 if there is none yet, or a
 * failure: what was heard is no message, or the other side is gone.
 */
int message_next(struct line *line, struct message *message);
/* The same, and it stays the next. */
int message_peek(struct line *line, struct message *message);

/* The next message that is no PING, at most so long; PINGs are sent meanwhile. -ETIMEDOUT names what was waited for. */
int message_wait(struct line *line, struct message *message, const char *what, int most_ms);
/* The same, past PROGRESS, which does not prolong the time. */
int message_wait_past(struct line *line, struct message *message, enum message_type type, int most_ms);
/*
 * The same, past PROGRESS, which must be of that type: its body, the caller's
 * to put; NULL with a reason, which FAILED and REFUSE give.
 */
struct json_object *message_expect(struct line *line, enum message_type type, int most_ms);

int message_send(struct line *line, enum message_type type, const void *body, size_t bytes);
/* Puts the body. */
int message_send_json(struct line *line, enum message_type type, struct json_object *body);
/*
 * The same, and we say no more; at most so long: a peer that does not read, but says that it is there, would keep us
 * for ever.
 */
enum { LAST_MS = 2000 };
int message_send_last(struct line *line, enum message_type type, struct json_object *body);
/* The body stands in the buffer behind room for the header: nothing is copied. */
int message_send_framed(struct line *line, enum message_type type, void *buffer, size_t bytes);
/* PING, if nothing was said for long. */
int message_keep_alive(struct line *line);

/*
 * Both sides' first word: who we are, and who the other is. A version of the
 * protocol that both speak is found, or there is a failure that says so.
 */
int message_hello(struct line *line, int most_ms);

/* The body that is JSON, or, on a line within the host, a struct message_answer in the form of JSON; NULL with a reason. */
struct json_object *message_body(const struct line *line, const struct message *message);
/* A failure for the reason that a FAILED or REFUSE gives. */
int message_reason(const struct line *line, const struct message *message);
/* Something failed while we wrote: should the other side have said why, its reason becomes ours. */
void message_prefer_reason(struct line *line);

#endif
