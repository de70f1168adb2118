/*
 * A process that stands between the connection to another host and its parent: TLS, the framing of messages and JSON
 * are read here, without privileges. It holds the connection, a line to its parent, and nothing else.
 *
 *	other host <- TLS, JSON -> front <- line within the host -> parent (journal, Xen)
 *
 * What the parent says goes out as it is. What the other host says is translated: bodies that are JSON become structs
 * of fixed size, which the parent checks again. The parent gives the peer's verdicts the same trust as before: a front
 * that a peer has taken over can say what that peer could have said, and no more. When it dies, the connection is
 * broken. Users: restore/receiver.c, migrate/speaker.c.
 */
#ifndef STREAM_FRONT_H
#define STREAM_FRONT_H

#include "stream/message.h"

struct front {
	struct line peer, inner;
	int (*translate)(struct front *front,
			 const struct message *message); /* of the peer: front_tell()s it */
	void *context;
	bool is_deaf;	/* the peer says no more, or nothing that could be understood */
	bool is_broken; /* nothing can be said to it either */
	char stuck
		[320]; /* why, if it takes nothing more: for the parent, once no other message to it is half written */
};

/* --- in the front --- */

/* The line to the parent, on the front's end of front_ends(). First of all. */
int front_init(struct front *front, int inner);
/* Gives up all but the two lines, shared memory too; what needs a file is read before. After a failure only front_lose() may follow. */
int front_confine(struct front *front);
/* A message to the parent, however long it takes to read it; the peer is told meanwhile that we are there. */
int front_tell(struct front *front, enum message_type type, const void *body, size_t bytes);
/* What is JSON, as a struct message_answer. */
int front_tell_answer(struct front *front, const struct message *message);
int front_pass(struct front *front, const struct message *message);
/* The peer is heard no more: the parent learns why. It may still have something to say to the peer. */
void front_lose(struct front *front, int error);
/* Both ways, until the parent says no more. */
void front_relay(struct front *front);

/* --- in the parent --- */

struct child;

/* ends[0] becomes the parent's line; ends[1] is the front's, to be closed by the parent. */
int front_ends(struct line *line, int ends[2], const char *peer);
/* Something failed: if the front has died, that is the reason then. Returns the error. */
int front_reason(struct child **front, const struct line *line, int error);
/* Waits for it, after line_close(); the peer has a moment to read our last word. NULL is fine. */
void front_end(struct child *front);

#endif
