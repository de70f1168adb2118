/* See front.h. */
#include "stream/front.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "process/child.h"
#include "process/sandbox.h"
#include "process/stop.h"

enum {
	STEP_MS = 1000,
	DRAIN_MS = 2000,
	END_MS = 10000,
	STOPPED_MS = 1000,
	ROOM = 1 << 20,
	MEMORY_BYTES = 64 << 20
};

/* --- what our parent says, to the peer ---------------------------------------- */

/*
 * A peer that has closed the connection may have said why, and that is still heard; one that takes nothing more is lost
 * at once, or our parent would go on sending a guest that nothing receives.
 */
static void write_peer(struct front *f, const uint8_t *at, size_t bytes)
{
	int rc = line_write(&f->peer, at, bytes);

	f->is_broken = rc != 0;
	if (rc == -ETIMEDOUT)
		snprintf(f->stuck, sizeof(f->stuck), "%s", fail_reason());
	fail_forget();
}

static int forward_to_peer(struct front *f)
{
	struct message message;
	int rc;

	while ((rc = message_next(&f->inner, &message)) > 0) {
		const uint8_t *at = message.body - sizeof(struct message_header);

		if (message.type == MESSAGE_PING || f->is_broken)
			continue;
		write_peer(f, at, sizeof(struct message_header) + message.bytes);
	}
	return rc;
}

/* --- what the peer says, to our parent ---------------------------------------- */

/* Meanwhile our parent is heard, and the peer told that we are there. */
static int write_inner(struct front *f, const void *bytes, size_t left)
{
	const uint8_t *at = bytes;
	int rc = 0;

	f->peer.is_lent = true;
	while (rc >= 0 && left) {
		struct pollfd writable = { .fd = f->inner.out, .events = POLLOUT };
		ssize_t done = line_write_some(&f->inner, at, left);

		if (done > 0) {
			at += done;
			left -= done;
			continue;
		}
		rc = done == -EAGAIN ? forward_to_peer(f) : (int)done;
		if (rc >= 0 && !f->is_broken)
			rc = message_keep_alive(&f->peer);
		if (rc >= 0)
			rc = line_wait(&f->inner, &writable, 1, STEP_MS);
	}
	f->peer.is_lent = false;
	return rc < 0 ? rc : 0;
}

int front_tell(struct front *f, enum message_type type, const void *body, size_t bytes)
{
	struct message_header header = { MESSAGE_MARK | type, bytes };
	int rc = write_inner(f, &header, sizeof(header));

	return rc || !bytes ? rc : write_inner(f, body, bytes);
}

/* --- the end of hearing --------------------------------------------------------- */

static void tell_lost(struct front *f, int error)
{
	char text[1024];
	int length = snprintf(text, sizeof(text), "%d %.1000s", -error, fail_reason());

	fail_forget();
	if (!f->inner.inbox)
		return;
	front_tell(f, MESSAGE_LOST, text, length + 1);
	fail_forget();
}

/* Our parent learns why; an end between two messages is for it to judge. It may still have something to say. */
void front_lose(struct front *f, int error)
{
	f->is_deaf = true;
	f->is_broken |= f->peer.out < 0;
	if (error != -ECONNRESET || !f->peer.is_over || f->peer.start != f->peer.end)
		tell_lost(f, error);
	fail_forget();
	if (f->peer.is_over)
		shutdown(f->inner.out, SHUT_WR);
}

/* 1 if there was a message, 0 if none has come yet. */
static int hear_peer(struct front *f)
{
	struct message message;
	int rc = message_next(&f->peer, &message);

	if (rc <= 0)
		return rc;
	rc = f->translate(f, &message);
	return rc ? rc : 1;
}

static int wait_for_both(struct front *f)
{
	struct pollfd inner = { .fd = f->inner.in, .events = POLLIN };
	int rc = f->is_broken ? 0 : message_keep_alive(&f->peer);

	if (!rc)
		rc = line_wait(&f->peer, &inner, 1, STEP_MS);
	if (rc > 0 && rc & LINE_OTHER)
		rc = line_wait(&f->inner, NULL, 0, 0);
	return rc < 0 ? rc : 0;
}

static int hear_unless_stuck(struct front *f)
{
	return *f->stuck ? fail(ETIMEDOUT, "%s", f->stuck) : hear_peer(f);
}

void front_relay(struct front *f)
{
	while (forward_to_peer(f) >= 0) {
		int rc = f->is_deaf ? 0 : hear_unless_stuck(f);

		if (!rc && f->is_deaf)
			line_wait(&f->inner, NULL, 0, STEP_MS);
		else if (!rc)
			rc = wait_for_both(f);
		if (rc < 0)
			front_lose(f, rc);
	}
	fail_forget();
	if (!f->is_broken && f->peer.out >= 0)
		line_drain(&f->peer, DRAIN_MS);
}

int front_tell_answer(struct front *f, const struct message *message)
{
	struct json_object *body = body_parse(message->body, message->bytes);
	struct message_answer answer = { .state = "" };

	if (!body)
		return -EPROTO;
	body_copy(body, "reason", answer.reason, sizeof(answer.reason));
	body_copy(body, "state", answer.state, sizeof(answer.state));
	answer.domid = body_number(body, "domid", 0);
	answer.bytes = body_number(body, "bytes", 0);
	answer.frames = body_number(body, "frames", 0);
	answer.build_ms = body_number(body, "build-ms", 0);
	answer.unpause_ms = body_number(body, "unpause-ms", 0);
	answer.early_devices = body_flag(body, "early-devices");
	answer.devices_made = body_flag(body, "devices-made");
	json_object_put(body);
	return front_tell(f, message->type, &answer, sizeof(answer));
}

int front_pass(struct front *f, const struct message *message)
{
	return write_inner(f, message->body - sizeof(struct message_header),
			   sizeof(struct message_header) + message->bytes);
}

/* --- its beginning ---------------------------------------------------------------- */

int front_init(struct front *f, int inner)
{
	int rc = line_init(&f->inner, inner, inner, "the parent process");

	f->inner.idle_seconds = LINE_NEVER_IDLE;
	return rc;
}

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

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Our parent decides when to stop, and what is said then; its death ends us. */
int front_confine(struct front *f)
{
	int keep[] = { f->peer.in, f->peer.out, f->inner.in }, rc;
	struct sandbox sandbox = { .keep = keep,
				   .keep_count = sizeof(keep) / sizeof(*keep),
				   .memory_bytes = MEMORY_BYTES,
				   .uses_sockets = true };

	qsort(keep, sandbox.keep_count, sizeof(*keep), compare_fds);
	f->peer.may_answer = true;
	stop_leave();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rc = leave_standard_streams();
	return rc ? rc : sandbox_enter(&sandbox);
}

/* --- in the parent ------------------------------------------------------------------ */

int front_ends(struct line *line, int ends[2], const char *peer)
{
	int size = ROOM, rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail_errno("cannot make a socket");
	for (int i = 0; i < 2; i++)
		if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
			setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	rc = line_init(line, ends[0], ends[0], peer);
	line->idle_seconds = LINE_NEVER_IDLE;
	line->is_inner = line->may_answer = true;
	return rc;
}

/* It closes its end only by ending; that nothing more comes it says otherwise. */
static bool is_gone(const struct line *line)
{
	struct pollfd fd = { .fd = line->in };

	return line->in >= 0 && poll(&fd, 1, 0) == 1 && fd.revents & (POLLHUP | POLLERR);
}

int front_reason(struct child **front, const struct line *line, int error)
{
	char was[1024];
	int rc;

	if (!*front || !is_gone(line))
		return error;
	snprintf(was, sizeof(was), "%s", fail_reason());
	fail_forget();
	rc = child_wait(*front);
	*front = NULL;
	if (rc)
		snprintf(was, sizeof(was), "what %.200s says is heard no more: %.700s", line->peer,
			 fail_reason());
	fail_forget();
	return fail(rc ? ECONNRESET : -error, "%s", was);
}

static bool is_stopped(void)
{
	struct pollfd fd = { .fd = stop_fd(), .events = POLLIN };

	return fd.fd >= 0 && poll(&fd, 1, 0) == 1;
}

/*
 * A peer that does not read, and says all the while that it is there, would keep it for ever: our last word is lost then.
 * After a signal it is lost sooner: a person waits, and to the peer the closed connection says as much.
 */
void front_end(struct child *front)
{
	struct pollfd end = { .fd = front ? child_watch(front) : -1, .events = POLLIN };
	uint64_t until = line_now() + (is_stopped() ? STOPPED_MS : END_MS) * 1000000ULL, now;

	if (!front)
		return;
	while ((now = line_now()) < until && poll(&end, 1, (until - now) / 1000000 + 1) < 0)
		;
	if (!end.revents)
		kill(child_pid(front), SIGKILL);
	child_reap(front);
}
