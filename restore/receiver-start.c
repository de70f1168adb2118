/* The receiver, from the taker's side: starts it, and checks what it says. See receiver.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "process/child.h"
#include "restore/handover.h"
#include "restore/receiver.h"
#include "text.h"

enum { FEED_BYTES = 1 << 20 };

static int wait_let_in(struct line *line)
{
	struct heard_peer heard;
	struct message message;

	do {
		int rc = message_wait(line, &message, "word of the receiver", 4 * HANDSHAKE_MS);

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

int receiver_start(struct child **result, struct line *line, struct take *take)
{
	struct receiver_task task = { .take = take };
	int ends[2], size = FEED_BYTES, rc;

	*result = NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail_errno("cannot make a socket");
	if (setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	rc = line_init(line, ends[0], ends[0], "the other host");
	line->idle_seconds = LINE_NEVER_IDLE;
	line->is_inner = true;
	task.fd = ends[1];
	if (!rc)
		rc = child_start(result, run_receiver, &task);
	close(ends[1]);
	close(take->in);
	if (take->out != take->in)
		close(take->out);
	return rc ? rc : wait_let_in(line);
}

/* It closes its end only by ending; that nothing more comes it says otherwise. */
static bool is_gone(const struct line *line)
{
	struct pollfd fd = { .fd = line->in };

	return line->in >= 0 && poll(&fd, 1, 0) == 1 && fd.revents & (POLLHUP | POLLERR);
}

int receiver_reason(struct child **receiver, const struct line *line, int error)
{
	char was[1024];
	int rc;

	if (!*receiver || !is_gone(line))
		return error;
	snprintf(was, sizeof(was), "%s", fail_reason());
	fail_forget();
	rc = child_wait(*receiver);
	*receiver = NULL;
	if (rc)
		snprintf(was, sizeof(was), "what %.200s says is heard no more: %.700s", line->peer,
			 fail_reason());
	fail_forget();
	return fail(rc ? ECONNRESET : -error, "%s", was);
}

void receiver_end(struct child *receiver)
{
	if (receiver && child_wait(receiver))
		fail_forget();
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
