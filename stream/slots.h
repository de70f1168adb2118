/*
 * Memory that the expander and the builder share. The expander writes chunks of the expanded stream
 * into slots, the builder reads them there. The builder trusts nothing in it, and reads only once
 * what it checks; the size is sealed, so that no access can fail.
 *
 *	slot 0 | slot 1 | ... | slot count - 1 | one large slot | the config, flat
 *
 * A chunk that fits into no slot of its own waits for the large one. What is never written to takes
 * no memory. Inside stream/ only, but for opening.
 */
#ifndef STREAM_SLOTS_H
#define STREAM_SLOTS_H

#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/format.h"

struct chunk;

enum {
	SLOT_BYTES = (4 << 20) + (64 << 10), /* the longest records that xl writes, and their headers */
	LARGE_BYTES = FRAME_MAX_BYTES + (64 << 10),
	FLAT_CONFIG_BYTES = 11 << 20, /* no more can become of CONFIG_MAX_BYTES: see machine/config-flat.h */
};

struct slots {
	int fd;
	uint8_t *at; /* NULL until it is mapped */
	unsigned int count;
	/* In the expander: */
	unsigned int given;
	sem_t large; /* the large slot is free */
};

/* For a number of threads on both sides. Nothing is mapped. The descriptor is the caller's to close. */
int slots_make(struct slots *slots, unsigned int threads);
/* Maps what slots_make() has made, or what came from there as fd. */
int slots_map(struct slots *slots, int fd, unsigned int threads, bool may_write);
void slots_unmap(struct slots *slots);

/* Room for a chunk, in the order of the stream; waits for the large slot. */
int slots_reserve(struct slots *slots, struct chunk *chunk, size_t count);
/* The chunk is not read any more. */
void slots_release(struct slots *slots, const struct chunk *chunk);

/* Where a slot begins, slots->count being the large one; and its bytes. */
static inline size_t slot_offset(unsigned int slot)
{
	return (size_t)slot * SLOT_BYTES;
}

static inline size_t slot_bytes(const struct slots *slots, unsigned int slot)
{
	return slot < slots->count ? SLOT_BYTES : LARGE_BYTES;
}

static inline uint8_t *slots_config(const struct slots *slots)
{
	return slots->at + slot_offset(slots->count) + LARGE_BYTES;
}

#endif
