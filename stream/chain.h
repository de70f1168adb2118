/*
 * An image and its parents, read together: their indexes say in which frame of which file the newest word on
 * each pfn is. Files are opened by the caller, newest first; nothing is looked for by name here.
 *
 * What the indexes say is checked before memory is taken for it: at most CHAIN_BYTES, and CHAIN_PFN_BYTES for
 * each pfn of the newest.
 */
#ifndef STREAM_CHAIN_H
#define STREAM_CHAIN_H

#include "stream/bytes.h"
#include "stream/index.h"
#include "stream/page-digest.h"

enum { CHAIN_MOST = 128, CHAIN_BYTES = 64 << 20, CHAIN_PFN_BYTES = 32 };

struct chain_file {
	int fd;
	const char *name; /* for messages */
	struct index_place place;
};

struct chain {
	unsigned int count;
	bool checks_seals; /* all bytes of each file are read, not only frames with pages that count: stream/chain-seal.h */
	struct chain_file
		files[CHAIN_MOST]; /* newest first: each goes on from the next one, the last one is full */
};

/*
 * Finds the index of each file, and holds each increment against its parent: -EBADMSG if one is damaged or is
 * not that parent. Afterwards chain_memory() is what chain_load() may take.
 */
int chain_open(struct chain *chain);
size_t chain_memory(const struct chain *chain);

/* A frame that has to be read. */
struct chain_frame {
	uint64_t at;
	uint32_t number, stored, expanded;
	uint32_t words; /* that count of it */
	uint16_t file;
	bool is_bare; /* it holds no pages: the newest file's opening, X86_PV_P2M_FRAMES, closing */
};

struct chain_map {
	const struct chain *chain;
	struct memory_state memory;
	uint32_t *frame_of;  /* by pfn: its place in frames, + 1 */
	struct bytes frames; /* of struct chain_frame: newest file first, then as in the file */
};

/* Of a chain that was opened. Holds the root of the newest against all types and digests. */
int chain_load(struct chain_map *map, const struct chain *chain);
void chain_unload(struct chain_map *map);

/* One image, which is read from its start to its end. */
static inline bool chain_is_alone(const struct chain_map *map)
{
	return map->chain->count == 1;
}

static inline size_t chain_frame_count(const struct chain_map *map)
{
	return map->frames.count / sizeof(struct chain_frame);
}

static inline const struct chain_frame *chain_frame_at(const struct chain_map *map, size_t i)
{
	return (const struct chain_frame *)map->frames.at + i;
}

#endif
