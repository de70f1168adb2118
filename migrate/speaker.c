/*
 * See speaker.h. The process that speaks with the other host: TLS, framing and JSON of a peer are read here, without
 * privileges. In: a connection that is made. Out: messages as plain structs, to the parent. The trap: a peer may take
 * this process over, so the parent checks what comes from it as it would check the peer's.
 */
#include "migrate/speaker.h"

#include <errno.h>
#include <unistd.h>

#include "log.h"
#include "migrate/consult.h"
#include "process/child.h"
#include "stream/front.h"

struct task {
	struct line *outer; /* what the parent has connected */
	int fd;		    /* to the parent */
};

/* Only what a destination may say to a source; anything else ends the connection. */
static int translate(struct front *f, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_PING: return 0;
	case MESSAGE_ACCEPT:
	case MESSAGE_REFUSE:
	case MESSAGE_PROGRESS:
	case MESSAGE_READY:
	case MESSAGE_RUNNING:
	case MESSAGE_STATE:
	case MESSAGE_FAILED: return front_tell_answer(f, message);
	case MESSAGE_CONDITION: return consult_tell(f, message);
	default: return fail(EPROTO, "%s sends %s", f->peer.peer, message_name(message->type));
	}
}

static int greet(struct front *f)
{
	int rc = connect_shake(&f->peer);

	if (!rc)
		rc = message_hello(&f->peer, f->peer.handshake_ms);
	return rc ? rc : front_tell(f, MESSAGE_PEER, "host", 4);
}

static int run_speaker(void *context)
{
	const struct task *task = context;
	struct front f = { .translate = translate };
	int rc = front_init(&f, task->fd);

	f.peer = *task->outer;
	f.peer.helper = 0;
	if (!rc)
		rc = front_confine(&f);
	if (rc) {
		front_lose(&f, rc);
		return 0;
	}
	rc = greet(&f);
	if (rc)
		front_lose(&f, rc);
	front_relay(&f);
	return 0;
}

static int speaker_start_child(struct child **speaker, struct line *line, struct task *task)
{
	int ends[2], rc = front_ends(line, ends, task->outer->peer);

	if (!line->inbox)
		return rc;
	task->fd = ends[1];
	child_unprivate(task->outer->in);
	child_unprivate(task->outer->out);
	if (!rc)
		rc = child_start(speaker, run_speaker, task);
	close(ends[1]);
	return rc;
}

int speaker_start(struct child **speaker, struct line *line, const struct peer *peer,
		  char connection[CONNECTION_TEXT])
{
	struct line outer;
	struct task task = { .outer = &outer };
	struct message message = { 0 };
	int rc = connect_prepare_to(&outer, peer);

	*speaker = NULL;
	connection_of_socket(outer.in, true, connection);
	if (!rc)
		rc = speaker_start_child(speaker, line, &task);
	if (line->inbox) {
		line->helper = outer.helper;
		outer.helper = 0;
	}
	line->handshake_ms = outer.handshake_ms;
	line_close(&outer);
	if (!rc)
		rc = message_wait(line, &message, "word of the speaker", 4 * line->handshake_ms);
	if (!rc && message.type != MESSAGE_PEER)
		rc = fail(EPROTO, "the speaker begins with %s", message_name(message.type));
	return rc;
}
