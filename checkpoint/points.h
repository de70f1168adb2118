/*
 * The checkpoints in a directory: its files that are called so, and others that can be parents of them or are images; and the
 * heads of their indexes. Of each file only the
 * end and the head of its index are read here; all else is for a process without privileges.
 */
#ifndef CHECKPOINT_POINTS_H
#define CHECKPOINT_POINTS_H

#include <limits.h>
#include <stddef.h>

#include "checkpoint/name.h"
#include "stream/index.h"

struct point {
	struct point_name name;	 /* number 0: it is not called so, and is an image */
	char file[NAME_MAX + 1]; /* in the directory */
	uint64_t bytes;
	struct index_head head;
	char defect[256]; /* why it is not a checkpoint, as far as the head of its index tells; "": it is */
};

struct points {
	const char *path;    /* the caller's */
	int directory, lock; /* -1: not open, not held */
	struct point *at;    /* by number, ascending */
	size_t count;
	int error; /* of the first file of which it is not known what is in it; 0: all are known */
	char unread[NAME_MAX + 512]; /* and which it is */
};

/* make: with mode 0700, if there is no such directory. Fine to close after a failure. */
int points_open(struct points *points, const char *path, bool make);
/*
 * For who adds or removes: -EBUSY, with a reason, if another process holds it. Removes what a checkpoint that was killed
 * has left.
 */
int points_lock(struct points *points);
/* As they are now; again at any time. A file that cannot be read has a defect. */
int points_read(struct points *points);
/* For who removes: a file that could not be read at all may be what others go on from. */
int points_check(const struct points *points);
void points_close(struct points *points);

/* The newest that is called so, or NULL. */
const struct point *points_newest(const struct points *points);

#endif
