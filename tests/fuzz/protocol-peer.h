/*
 * The other side of a migration, as fuzz-protocol needs it: all it will ever say is in the input,
 * message by message. It speaks to the front (stream/front.h), which then is a thread with
 * descriptors of its own in place of a process; or it stands where a front stands that a peer has
 * taken over, and speaks to the source session or the destination session itself.
 */
#ifndef PROTOCOL_PEER_H
#define PROTOCOL_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/message.h"

enum { PEER_TYPES = 32 };

extern struct peer_said {
	bool as_front;			/* the caller's: it has taken the front over */
	bool ends_well;			/* the caller's: END is right for the DATA before it */
	unsigned int count[PEER_TYPES]; /* messages of each type */
	bool is_destroyed_said;		/* by a FAILED */
} said;

/* What was said to it: messages of each type, and the last one with a state in it. */
extern struct peer_heard {
	unsigned int count[PEER_TYPES];
	unsigned int first; /* type */
	char state[32];
} heard;

struct input;

/*
 * From now on it says what the input has, up to the next pause each time that it is waited for, and
 * no more after that. Returns the connection's other end.
 */
int peer_begin(struct input *in);
/* That end, for the source session to connect to. */
extern int peer_connection;
/* Hears all that was said to it; the speaker has ended. */
void peer_end(void);

#endif
