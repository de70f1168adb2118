/*
 * Bytes come in, lines go out. What another process writes is held to a length:
 * a buffer that is full without a newline is the reader's to judge.
 */
#ifndef DAEMON_LINES_H
#define DAEMON_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
	char *text;
	size_t room, held; /* bytes there may be, and are */
	size_t taken;	   /* of those, given out already */
};

/* Lines of less than room bytes. */
int lines_init(struct lines *lines, size_t room);
void lines_release(struct lines *lines);

/* Where more bytes belong, and how many; 0 if it is full. Lines given out before are gone then. */
char *lines_space(struct lines *lines, size_t *count);
/* So many were put there. */
void lines_filled(struct lines *lines, size_t count);

/*
 * The next line, which ends with a 0 in place of its newline, and its length (it
 * may hold further zeros); NULL if none is complete. Good until lines_space().
 */
char *lines_next(struct lines *lines, size_t *length);

/* The last line has grown to all the room there is. */
bool lines_is_full(const struct lines *lines);
/* Drops what there is of a line that has not ended. */
void lines_drop(struct lines *lines);

#endif
