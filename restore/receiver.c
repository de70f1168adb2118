/* See receiver.h. */
#include "restore/receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "process/child.h"
#include "process/sandbox.h"
#include "process/stop.h"
#include "restore/handover.h"

enum { STEP_MS = 1000, DRAIN_MS = 2000, MEMORY_BYTES = 64 << 20 };

struct receiver {
	const struct receiver_task *task;
	struct line peer, taker;
	bool is_deaf;	/* the peer says no more, or nothing that could be understood */
	bool is_broken; /* nothing can be said to it either */
};

/* --- what the taker says, to the peer ---------------------------------------- */

static int forward_to_peer(struct receiver *r)
{
	struct message message;
	int rc;

	while ((rc = message_next(&r->taker, &message)) > 0) {
		const uint8_t *at = message.body - sizeof(struct message_header);

		if (message.type == MESSAGE_PING || r->is_broken)
			continue;
		r->is_broken = line_write(&r->peer, at, sizeof(struct message_header) + message.bytes) != 0;
		fail_forget();
	}
	return rc;
}

/* --- what the peer says, to the taker ---------------------------------------- */

/* Meanwhile the taker is heard, and the peer told that we are there. */
static int write_to_taker(struct receiver *r, const void *bytes, size_t left)
{
	const uint8_t *at = bytes;
	int rc = 0;

	r->peer.is_lent = true;
	while (rc >= 0 && left) {
		struct pollfd writable = { .fd = r->taker.out, .events = POLLOUT };
		ssize_t done = line_write_some(&r->taker, at, left);

		if (done > 0) {
			at += done;
			left -= done;
			continue;
		}
		rc = done == -EAGAIN ? forward_to_peer(r) : (int)done;
		if (rc >= 0 && !r->is_broken)
			rc = message_keep_alive(&r->peer);
		if (rc >= 0)
			rc = line_wait(&r->taker, &writable, 1, STEP_MS);
	}
	r->peer.is_lent = false;
	return rc < 0 ? rc : 0;
}

static int tell_taker(struct receiver *r, enum message_type type, const void *body, size_t bytes)
{
	struct message_header header = { MESSAGE_MARK | type, bytes };
	int rc = write_to_taker(r, &header, sizeof(header));

	return rc || !bytes ? rc : write_to_taker(r, body, bytes);
}

static int tell_offer(struct receiver *r, const struct message *message)
{
	struct json_object *body = body_parse(message->body, message->bytes);
	struct offer offer;
	int rc = body ? offer_from_json(&offer, body) : -EPROTO;

	json_object_put(body);
	return rc ? rc : tell_taker(r, MESSAGE_OFFER, &offer, sizeof(offer));
}

static int tell_job(struct receiver *r, const struct message *message)
{
	struct json_object *body = body_parse(message->body, message->bytes);
	struct heard_job heard = { .job = "" };

	if (!body)
		return -EPROTO;
	body_copy(body, "job", heard.job, sizeof(heard.job));
	heard.lane = body_number(body, "lane", 0);
	json_object_put(body);
	snprintf(heard.peer, sizeof(heard.peer), "%s", r->peer.peer);
	return tell_taker(r, message->type, &heard, sizeof(heard));
}

static int tell_failed(struct receiver *r, const struct message *message)
{
	char reason[512] = "";
	struct json_object *body = body_parse(message->body, message->bytes);

	if (!body)
		return -EPROTO;
	body_copy(body, "reason", reason, sizeof(reason));
	json_object_put(body);
	return tell_taker(r, MESSAGE_FAILED, reason, strlen(reason) + 1);
}

static int translate(struct receiver *r, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_PING: return 0;
	case MESSAGE_OFFER: return tell_offer(r, message);
	case MESSAGE_QUERY:
	case MESSAGE_JOIN: return tell_job(r, message);
	case MESSAGE_FAILED: return tell_failed(r, message);
	case MESSAGE_POLICY:
	case MESSAGE_DATA:
	case MESSAGE_END:
	case MESSAGE_GO:
		return write_to_taker(r, message->body - sizeof(struct message_header),
				      sizeof(struct message_header) + message->bytes);
	default: return fail(EPROTO, "%s sends %s", r->peer.peer, message_name(message->type));
	}
}

/* --- the end of hearing --------------------------------------------------------- */

static void tell_lost(struct receiver *r, int error)
{
	char text[1024];
	int length = snprintf(text, sizeof(text), "%d %.1000s", -error, fail_reason());

	fail_forget();
	if (!r->taker.inbox)
		return;
	tell_taker(r, MESSAGE_LOST, text, length + 1);
	fail_forget();
}

/* The taker learns why; an end between two messages is for it to judge. It may still have something to say. */
static void grow_deaf(struct receiver *r, int error)
{
	r->is_deaf = true;
	r->is_broken |= r->peer.out < 0;
	if (error != -ECONNRESET || !r->peer.is_over || r->peer.start != r->peer.end)
		tell_lost(r, error);
	fail_forget();
	if (r->peer.is_over)
		shutdown(r->taker.out, SHUT_WR);
}

/* 1 if there was a message, 0 if there is none yet. */
static int hear_peer(struct receiver *r)
{
	struct message message;
	int rc = message_next(&r->peer, &message);

	if (rc <= 0)
		return rc;
	rc = translate(r, &message);
	return rc ? rc : 1;
}

static int wait_for_both(struct receiver *r)
{
	struct pollfd taker = { .fd = r->taker.in, .events = POLLIN };
	int rc = r->is_broken ? 0 : message_keep_alive(&r->peer);

	if (!rc)
		rc = line_wait(&r->peer, &taker, 1, STEP_MS);
	if (rc > 0 && rc & LINE_OTHER)
		rc = line_wait(&r->taker, NULL, 0, 0);
	return rc < 0 ? rc : 0;
}

/* Until the taker says no more. */
static void relay(struct receiver *r)
{
	while (forward_to_peer(r) >= 0) {
		int rc = r->is_deaf ? 0 : hear_peer(r);

		if (!rc && r->is_deaf)
			line_wait(&r->taker, NULL, 0, STEP_MS);
		else if (!rc)
			rc = wait_for_both(r);
		if (rc < 0)
			grow_deaf(r, rc);
	}
	fail_forget();
	if (!r->is_broken && r->peer.out >= 0)
		line_drain(&r->peer, DRAIN_MS);
}

/* --- its beginning ---------------------------------------------------------------- */

/* What a library prints goes nowhere, and standard output may be where pvferryd hears events. */
static int leave_standard_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return fail_errno("/dev/null");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	if (dup2(null, STDERR_FILENO) < 0)
		return fail_errno("/dev/null");
#endif
	close(null);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The taker decides when to stop, and what is said then; its death ends us. */
static int confine(struct receiver *r)
{
	int keep[] = { r->peer.in, r->peer.out, r->taker.in }, rc;
	struct sandbox sandbox = { keep, sizeof(keep) / sizeof(*keep), MEMORY_BYTES, true };

	qsort(keep, sandbox.keep_count, sizeof(*keep), compare);
	stop_leave();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	child_unshare(r->task->take->status, sizeof(*r->task->take->status));
	rc = leave_standard_streams();
	return rc ? rc : sandbox_enter(&sandbox);
}

/* What needs a file, a key above all, is read before there are limits. */
static int prepare(struct receiver *r)
{
	const struct take *take = r->task->take;
	int rc = line_init(&r->taker, r->task->fd, r->task->fd, "the taker");

	r->taker.idle_seconds = LINE_NEVER_IDLE;
	if (rc)
		return rc;
	/* OpenSSL asks for the time zone when it checks a certificate, and the C library would look for its file each time. */
	setenv("TZ", "UTC0", 1);
	tzset();
	if (!take->is_stream)
		return connect_prepare(&r->peer, take->in, &take->door);
	rc = line_init(&r->peer, take->in, take->out, "the other host");
	if (take->door.idle_seconds)
		r->peer.idle_seconds = take->door.idle_seconds;
	return rc;
}

static int tell_peer(struct receiver *r, bool is_let_in)
{
	struct heard_peer heard = { .is_let_in = is_let_in };

	snprintf(heard.name, sizeof(heard.name), "%s", r->peer.peer);
	return tell_taker(r, MESSAGE_PEER, &heard, sizeof(heard));
}

/* The peer shows who it is, and both say HELLO. */
static int let_in(struct receiver *r)
{
	int rc = tell_peer(r, false);

	if (!rc)
		rc = connect_let_in(&r->peer);
	if (!rc)
		rc = message_hello(&r->peer, HANDSHAKE_MS);
	return rc ? rc : tell_peer(r, true);
}

int run_receiver(void *context)
{
	struct receiver receiver = { .task = context }, *r = &receiver;
	int rc = prepare(r);

	if (!rc)
		rc = confine(r);
	if (rc) {
		tell_lost(r, rc);
		return 0;
	}
	rc = let_in(r);
	if (rc)
		grow_deaf(r, rc);
	relay(r); /* a peer that is not let in is told why */
	return 0;
}
