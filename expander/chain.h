/* The files of a chain, from the one that starts the expander. */
#ifndef EXPANDER_CHAIN_H
#define EXPANDER_CHAIN_H

#include "stream/chain.h"
#include "stream/channel.h"

/* Takes so many parents of the image from the socket, before the sandbox; gives the channel its chain. */
int chain_receive(struct channel *image, int socket, uint32_t parents);

#endif
