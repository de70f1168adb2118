/*
 * Where a path leads, found once, before anything is written: links are followed here, so that what is made, renamed
 * and synced later is the file itself, and a link that is changed meanwhile changes nothing.
 */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include <limits.h>
#include <sys/stat.h>

struct place {
	int directory;		 /* open for reading; -1 if the path names a descriptor */
	char name[NAME_MAX + 1]; /* in it, and no link */
	struct stat facts;	 /* st_mode 0: there is no such file yet */
	int descriptor; /* of ours that the path names (/dev/stdout, /dev/fd/3); -1 if it names a file */
};

/* A link may point to nothing yet: then the place is where that would be. Fine to release after a failure. */
int place_find(struct place *place, const char *path);
void place_release(struct place *place);

/*
 * Opens what is no regular file for writing, and nothing else that may have come in its place. Waits for the reader
 * of a FIFO, unless a stop is asked for. A block device that the host uses (mounted, swap, part of a volume) is refused.
 */
int place_open(const struct place *place, const char *path, int *fd);

#endif
