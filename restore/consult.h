/*
 * Another host that may send guests asks what this one is like: see migrate/consult.h, its mirror. It learns which
 * Xen runs here, how much memory is free, and whether the processor has all that its guests are shown; what it
 * sends to measure the connection is counted and dropped.
 */
#ifndef RESTORE_CONSULT_H
#define RESTORE_CONSULT_H

#include "stream/message.h"

/* Answers the CONSULT that was just heard, and what follows, until the peer says no more. */
int answer_consult(struct line *line);

#endif
