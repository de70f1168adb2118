/*
 * The process that speaks with the other host, below the mover: see stream/front.h. The mover makes the connection and
 * reads the key; the handshake, and all that the other host says, is the speaker's to read. On the mover's line each
 * body that is JSON on the connection is a struct message_answer.
 *
 * Mirror: restore/receiver.h
 */
#ifndef MIGRATE_SPEAKER_H
#define MIGRATE_SPEAKER_H

#include "migrate/handover.h"

struct child;

/*
 * Connects, and returns when both sides have said HELLO. line_close(), then front_end(), in any case. A helper (ssh)
 * is the line's.
 */
int speaker_start(struct child **speaker, struct line *line, struct move *move);

#endif
