/*
 * Is each byte of a file of a chain as it was written? Its seal and seek table tell. Bytes that are read for their
 * pages are hashed while they are at hand, and only those between them are read for this alone.
 */
#ifndef STREAM_CHAIN_SEAL_H
#define STREAM_CHAIN_SEAL_H

#include <xxhash.h>

#include "stream/chain.h"

struct sealed {
	const struct chain_file *file;
	uint64_t size, table; /* bytes of the file; where its seek table begins */
	uint32_t frames;
	struct seal seal;
	uint64_t seal_at;
	XXH64_state_t *hash;
	uint64_t at; /* all before it is in the hash */
	uint8_t *piece;
};

/* Looks at the seal itself, the seek table and the beginnings of all frames. Whatever it returns, close it. */
int sealed_open(struct sealed *sealed, const struct chain_file *file);
/* Bytes that stand there in the file. Places must ascend. */
int sealed_pass(struct sealed *sealed, const void *bytes, size_t count, uint64_t at);
/* Reads what was not passed, up to the seal. */
int sealed_check(struct sealed *sealed);
void sealed_close(struct sealed *sealed);

#endif
