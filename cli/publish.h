/*
 * A file that appears whole or not at all: written under a temporary name
 * beside it, mode 0600, synced, then renamed. What stood there before stays
 * until that moment.
 */
#ifndef CLI_PUBLISH_H
#define CLI_PUBLISH_H

#include <stdbool.h>

struct publication {
	int fd;
	const char *path; /* the caller's */
	char *temporary;  /* NULL: standard output, a device or a pipe; written to as it is */
	int directory;
	bool replace;
};

/* "-" is standard output. -EEXIST if there is a file and it is not to be replaced. */
int publication_open(struct publication *publication, const char *path, bool replace);
/* Syncs and renames. After it, and only then, the bytes are safe. */
int publication_commit(struct publication *publication);
/* Removes what is not committed. Fine after a commit, or a failed open. */
void publication_abandon(struct publication *publication);

#endif
