/*
 * A further connection of a migration. At each of its ends is a process of its
 * own, so that each connection has a processor to encrypt or decrypt: it
 * carries whole messages between the connection and a socket of its host.
 */
#ifndef STREAM_LANE_H
#define STREAM_LANE_H

#include "stream/message.h"

/* Carries DATA from one line to the other, until the first says no more; PINGs stay where they are. */
int lane_carry(struct line *from, struct line *to);

#endif
