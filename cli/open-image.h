/* An image to be read: a file, or standard input. */
#ifndef CLI_OPEN_IMAGE_H
#define CLI_OPEN_IMAGE_H

#include "stream/channel.h"

int open_image(struct channel *channel, const char *path);
void close_image(struct channel *channel);

#endif
