/*
 * The process that speaks with the other host, below the source session and below `resolve`, which asks what became of
 * a guest: see stream/front.h. The parent makes the connection and reads the key; the handshake, and all that the other
 * host says, is the speaker's to read. On the parent's line each body that is JSON on the connection is a struct
 * message_answer.
 *
 * Mirror: restore/receiver.h
 */
#ifndef MIGRATE_SPEAKER_H
#define MIGRATE_SPEAKER_H

#include "stream/connect.h"
#include "stream/connection.h"

struct child;

/*
 * Connects, and returns when both sides have said HELLO. line_close(), then front_end(), in any case. A helper (ssh)
 * is the line's. connection: which one it is, see stream/connection.h.
 */
int speaker_start(struct child **speaker, struct line *line, const struct peer *peer,
		  char connection[CONNECTION_TEXT]);

#endif
