/*
 * The process that reads an image for the builder, from the side of the one that starts both. It is
 * a program of its own, pvferry-expander; stream/expanded.h says what it does.
 */
#ifndef RESTORE_EXPANDER_H
#define RESTORE_EXPANDER_H

#include "process/child.h"
#include "stream/expanded.h"

struct expander {
	struct child *process;
	struct expansion ours; /* the builder's side: for reader_attach() */
	int other;	       /* until the process has it */
};

/* The parents of an image that is read together with them. Inside restore/ only. */
int expander_send_chain(int socket, const struct chain *chain);

/* From now on nothing but it reads from the channel, but for pages that stay in a file. */
int expander_start(struct expander *expander, const struct channel *from, unsigned int threads);
/* When the builder has been started, which alone keeps its side. */
void expander_leave(struct expander *expander);
/*
 * After the builder ended with rc: ends the expander. Returns rc; or why the expander died, if that
 * was the reason.
 */
int expander_finish(struct expander *expander, int rc);

#endif
