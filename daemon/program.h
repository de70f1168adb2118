/*
 * A process that we start, hear and order about: lines of its standard output
 * are events, lines of its standard error are notes, what it reads are orders.
 * It leads a session of its own: a signal from our terminal is not the job's,
 * and a signal can be sent to all its processes at once.
 *
 * It does not die with us. Then its orders end, and no process reads what it says.
 */
#ifndef DAEMON_PROGRAM_H
#define DAEMON_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

enum { CHILD_CONNECTION = 3 }; /* the descriptor that a connection has in the child */

struct program;

struct program_calls {
	void (*event)(void *context, char *line, size_t length);
	void (*note)(void *context, char *line); /* without control characters */
	void (*late)(void *context);		 /* see program_within() */
	/* Once, and last: the process is gone, and all that it said was heard. */
	void (*ended)(void *context, int status, int signal);
};

/*
 * argv ends with NULL. The connection (-1: none) is the child's CHILD_CONNECTION
 * and stays the caller's to close. NULL with a reason if nothing was started.
 * The calls come later, from the loop; after ended() the child is no more.
 */
struct program *program_start(uv_loop_t *loop, char *const *argv, int connection,
			      const struct program_calls *calls, void *context);

/* A line for its standard input. -EAGAIN if it has not read the orders before, -EPIPE if it is gone. */
int program_order(struct program *child, const char *line);

/* To it, or to all its processes. */
void program_signal(struct program *child, int signal, bool all);

/* late() is called after so many seconds; 0: not at all. */
void program_within(struct program *child, unsigned int seconds);

int program_pid(const struct program *child);

#endif
