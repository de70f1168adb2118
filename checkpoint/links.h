/*
 * Which checkpoint goes on from which, by what the heads of their indexes say; and which of them can be restored from
 * what is in the directory. Pure, but for points_survey().
 */
#ifndef CHECKPOINT_LINKS_H
#define CHECKPOINT_LINKS_H

#include "checkpoint/points.h"

enum link_state {
	LINK_SOUND,	     /* as far as the heads tell: it is full, or all its parents are there */
	LINK_DAMAGED,	     /* it is itself */
	LINK_PARENT_MISSING, /* no file holds the state that it goes on from */
	LINK_PARENT_OTHER,   /* a file says it does, with other contents */
	LINK_PARENT_BROKEN,  /* its parent is there, and cannot be restored */
	LINK_STATES
};

struct link {
	enum link_state state;
	long parent;	       /* its place in points.at; -1: it is full, or the parent is not there */
	unsigned int parents;  /* on the way to the full one */
	unsigned int children; /* that go on from it */
};

/* One for each point, in their order; the caller frees it. NULL, with a reason, without memory. */
struct link *points_link(const struct points *points);

/*
 * The points of a directory, which has to have one, and their links. NULL, with a reason; points_close() follows in either
 * case, and the caller frees the links.
 */
struct link *points_survey(struct points *points, const char *directory);

/* "its parent is missing"; "sound". */
const char *link_state_text(enum link_state state);

/*
 * What stands behind the @ of DIR@...: a number, "latest", a tag, or a time, as 2026-11-26T07:06:16Z, of which the newest
 * is meant that was begun by then. NULL, with a reason.
 */
const struct point *points_select(const struct points *points, const char *text);

#endif
