/*
 * A file that appears whole or not at all: written under a temporary name
 * beside it, mode 0600, synced, then renamed. What stood there before stays
 * until that moment. What is no regular file is written to as it is.
 */
#ifndef CLI_PUBLISH_H
#define CLI_PUBLISH_H

#include <stdbool.h>

#include "cli/place.h"

struct publication {
	int fd;
	const char *path; /* the caller's */
	struct place place;
	char temporary[NAME_MAX +
		       1]; /* beside place.name; "": a descriptor, device or pipe, written to as it is */
	bool replace;
};

/*
 * "-" is standard output, and so is /dev/stdout. -EEXIST if there is a file and it is not to be replaced.
 * For a FIFO it waits for the reader. Links are followed now, once.
 * must_keep: -EINVAL, before anything is opened, for what an image may not come back from: a character device, a pipe, a socket,
 * an open file that holds something already.
 */
int publication_open(struct publication *publication, const char *path, bool replace, bool must_keep);
/* Does the path lead to standard output? Then nothing else is to be written there. */
bool publication_is_output(const char *path);
/*
 * Syncs and renames. After it, and only then, the bytes are safe. After a failure the name is as it was before.
 * Where files or directories cannot be synced at all there is a warning instead.
 */
int publication_commit(struct publication *publication);
/* Removes what is not committed. Fine after a commit, or a failed open. */
void publication_abandon(struct publication *publication);

#endif
