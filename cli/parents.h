/*
 * The parents of an image: found by their state among the files of its directory, and of another place if one
 * is given. Names of files do not matter. Of each file only the end and the head of its index are read here;
 * all else is for a process without privileges.
 */
#ifndef CLI_PARENTS_H
#define CLI_PARENTS_H

#include "stream/chain.h"
#include "stream/channel.h"

struct parents {
	struct chain chain; /* the image first; its count is 0 if it is to be read alone */
	char *names[CHAIN_MOST];
	bool is_missing; /* one is not among the files that were looked at */
	bool has_index;	 /* the image has: chain.files[0].place is it, whatever the count */
};

/*
 * Those of the image that was opened; gives the channel its chain. where: another directory, or a file in one;
 * NULL: none. indexed: an image with an index is a chain though it is full, so that its pages are held against
 * their digests. -EBADMSG or -ENODATA, naming the file, if a parent is missing or another one than it should
 * be. Fine to close after a failure.
 */
int parents_find(struct parents *parents, struct channel *image, const char *where, bool indexed);
void parents_close(struct parents *parents);

/* Descriptors of the parents, without the image itself; returns how many. */
size_t parents_fds(const struct parents *parents, int fds[CHAIN_MOST]);

#endif
