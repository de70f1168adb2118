/* An image to be read: a file, or standard input; a file that the zstd command compressed is expanded on the way. */
#ifndef CLI_OPEN_IMAGE_H
#define CLI_OPEN_IMAGE_H

#include "stream/channel.h"

/* For a FIFO it waits for the writer, unless a stop is asked for. Fine to close after a failure. */
int open_image(struct channel *channel, const char *path);
void close_image(struct channel *channel);

#endif
