/* See lane.h. */
#include "stream/lane.h"

#include <errno.h>

#include "log.h"

enum { STEP_MS = 1000 };

/* What is carried goes one way; the other way only PINGs come. */
static int hear_pings(struct line *line)
{
	struct message message;
	int rc = line_wait(line, NULL, 0, 0);

	while (rc >= 0 && (rc = message_next(line, &message)) > 0)
		if (message.type != MESSAGE_PING)
			return message.type == MESSAGE_FAILED ? message_reason(line, &message)
							      : fail(EPROTO, "%s sends %s on a lane",
								     line->peer, message_name(message.type));
	return rc;
}

/* All of it; who sent it is told that we are there while it waits. */
static int pass_on(struct line *from, struct line *to, const struct message *message)
{
	const uint8_t *at = message->body - sizeof(struct message_header);
	size_t left = message->bytes + sizeof(struct message_header);
	int rc = 0;

	from->is_lent = true;
	while (rc >= 0 && left) {
		struct pollfd writable = { .fd = to->out, .events = POLLOUT };
		ssize_t done = line_write_some(to, at, left);

		if (done > 0) {
			at += done;
			left -= done;
		} else if (done == -EAGAIN) {
			rc = message_keep_alive(from);
			if (!rc)
				rc = line_wait(to, &writable, 1, STEP_MS);
		} else {
			rc = done;
		}
	}
	from->is_lent = false;
	return rc < 0 ? rc : 0;
}

static int wait_for_more(struct line *from, struct line *to)
{
	struct pollfd other = { .fd = to->in, .events = POLLIN };
	int rc = message_keep_alive(from);

	if (!rc)
		rc = message_keep_alive(to);
	if (!rc)
		rc = line_wait(from, &other, 1, STEP_MS);
	return rc < 0 ? rc : hear_pings(to);
}

int lane_carry(struct line *from, struct line *to)
{
	for (;;) {
		struct message message;
		int rc;

		if (from->is_over && from->start == from->end)
			return 0;
		rc = message_next(from, &message);
		if (rc > 0 && message.type == MESSAGE_DATA)
			rc = pass_on(from, to, &message);
		else if (rc > 0 && message.type != MESSAGE_PING)
			rc = fail(EPROTO, "%s sends %s on a lane", from->peer, message_name(message.type));
		else if (!rc)
			rc = wait_for_more(from, to);
		if (rc < 0)
			return rc;
	}
}
