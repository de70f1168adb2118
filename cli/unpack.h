/*
 * A file that the zstd command compressed, an xl save file as a rule: a process without privileges expands it into a pipe,
 * as `zstd -dc` in front would, and the pipe is what is read. An image of pvferry begins otherwise and is left alone.
 */
#ifndef CLI_UNPACK_H
#define CLI_UNPACK_H

struct child;

struct unpack {
	struct child *child; /* NULL: nothing is unpacked */
};

/* *fd is the file, open and at its start; it becomes the pipe, which is the caller's to close, if there is something to unpack. */
int unpack_start(struct unpack *unpack, int *fd);

/* After the pipe was closed. What the process found wrong takes the place of the reason of a reader who met the end too early. */
void unpack_end(struct unpack *unpack);

#endif
