/* See receiver.h. */
#include "restore/receiver.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "process/child.h"
#include "restore/handover.h"
#include "text/text.h"

struct task {
	struct take *take;
	int fd; /* to the destination session */
};

/* --- in the receiver ------------------------------------------------------------ */

static int tell_offer(struct front *f, const struct message *message)
{
	struct json_object *body = body_parse(message->body, message->bytes);
	struct offer offer;
	int rc = body ? offer_from_json(&offer, body) : -EPROTO;

	json_object_put(body);
	return rc ? rc : front_tell(f, MESSAGE_OFFER, &offer, sizeof(offer));
}

static int tell_job(struct front *f, const struct message *message)
{
	struct json_object *body = body_parse(message->body, message->bytes);
	struct heard_job heard = { .job = "" };

	if (!body)
		return -EPROTO;
	body_copy(body, "job", heard.job, sizeof(heard.job));
	heard.lane = body_number(body, "lane", 0);
	json_object_put(body);
	snprintf(heard.peer, sizeof(heard.peer), "%s", f->peer.peer);
	return front_tell(f, message->type, &heard, sizeof(heard));
}

static int translate(struct front *f, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_PING: return 0;
	case MESSAGE_OFFER: return tell_offer(f, message);
	case MESSAGE_QUERY:
	case MESSAGE_JOIN: return tell_job(f, message);
	case MESSAGE_FAILED: return front_tell_answer(f, message);
	case MESSAGE_CONSULT: return front_tell(f, message->type, "{}", 2);
	case MESSAGE_POLICY:
	case MESSAGE_DATA:
	case MESSAGE_END:
	case MESSAGE_GO: return front_pass(f, message);
	default: return fail(EPROTO, "%s sends %s", f->peer.peer, message_name(message->type));
	}
}

/* What needs a file, a key above all, is read before there are limits. */
static int open_peer(struct front *f, const struct take *take)
{
	int rc;

	if (!take->is_stream)
		return connect_prepare(&f->peer, take->in, &take->door);
	rc = line_init(&f->peer, take->in, take->out, "the other host");
	connect_limit(&f->peer, &take->door);
	return rc;
}

static int tell_peer(struct front *f, bool is_let_in)
{
	struct heard_peer heard = { .is_let_in = is_let_in };

	snprintf(heard.name, sizeof(heard.name), "%s", f->peer.peer);
	return front_tell(f, MESSAGE_PEER, &heard, sizeof(heard));
}

/* The peer shows who it is, and both say HELLO. */
static int let_in(struct front *f)
{
	int rc = tell_peer(f, false);

	if (!rc)
		rc = connect_let_in(&f->peer);
	if (!rc)
		rc = message_hello(&f->peer, f->peer.handshake_ms);
	return rc ? rc : tell_peer(f, true);
}

static int run_receiver(void *context)
{
	const struct task *task = context;
	struct front f = { .translate = translate };
	int rc = front_init(&f, task->fd);

	if (!rc)
		rc = open_peer(&f, task->take);
	if (!rc)
		rc = front_confine(&f);
	if (rc) {
		front_lose(&f, rc);
		return 0;
	}
	rc = let_in(&f);
	if (rc)
		front_lose(&f, rc);
	front_relay(&f); /* a peer that is not let in is told why */
	return 0;
}

/* --- in the destination session ------------------------------------------------------------------ */

static int wait_let_in(struct line *line)
{
	struct heard_peer heard;
	struct message message;

	do {
		int rc = message_wait(line, &message, "word of the receiver", 4 * line->handshake_ms);

		if (rc)
			return rc;
		if (message.type != MESSAGE_PEER || message.bytes != sizeof(heard))
			return fail(EPROTO, "the receiver begins with %s", message_name(message.type));
		memcpy(&heard, message.body, sizeof(heard));
		heard.name[sizeof(heard.name) - 1] = '\0';
		text_visible(line->peer, sizeof(line->peer), heard.name);
	} while (!heard.is_let_in);
	return 0;
}

int receiver_start(struct child **receiver, struct line *line, struct take *take)
{
	struct task task = { .take = take };
	int ends[2], rc = front_ends(line, ends, "the other host");

	*receiver = NULL;
	if (!line->inbox)
		return rc;
	task.fd = ends[1];
	if (take->door.handshake_seconds)
		line->handshake_ms = take->door.handshake_seconds * 1000;
	if (!rc)
		rc = child_start(receiver, run_receiver, &task);
	close(ends[1]);
	close(take->in);
	if (take->out != take->in)
		close(take->out);
	return rc ? rc : wait_let_in(line);
}

int heard_offer(const struct line *line, const struct message *message, struct offer *offer)
{
	if (message->bytes != sizeof(*offer))
		return fail(EPROTO, "an offer of %s has %u bytes", line->peer, message->bytes);
	memcpy(offer, message->body, sizeof(*offer));
	return offer_check(offer);
}

int heard_job(const struct line *line, const struct message *message, struct heard_job *heard)
{
	if (message->bytes != sizeof(*heard))
		return fail(EPROTO, "%s of %s has %u bytes", message_name(message->type), line->peer,
			    message->bytes);
	memcpy(heard, message->body, sizeof(*heard));
	heard->job[sizeof(heard->job) - 1] = heard->peer[sizeof(heard->peer) - 1] = '\0';
	return 0;
}
