/*
 * A plain xl stream as the fuzzers keep and mutate it. On disk its zeroes are
 * counted, so that a guest of twenty pages is a kilobyte; the mutator takes it
 * apart into headers and records, and changes what a record means.
 */
#ifndef STREAM_MODEL_H
#define STREAM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_BYTES = 256 << 10, MODEL_ITEMS = 256 };

struct item {
	size_t at, count;
};

struct model {
	uint8_t bytes[MODEL_BYTES];
	size_t count;
	/* 0: xl's header with the config, 1: the fixed headers, then records; what is cut or no record ends them. */
	struct item items[MODEL_ITEMS];
	unsigned int item_count;
};

/* Any bytes are a packed stream. */
void model_unpack(struct model *model, const uint8_t *packed, size_t count);
/* 0 if it does not fit. */
size_t model_pack(const struct model *model, uint8_t *packed, size_t most);

uint32_t model_type(const struct model *model, unsigned int item);
uint32_t model_get32(const struct model *model, size_t at);
/* Nothing, if it is not all within the stream. */
void model_put(struct model *model, size_t at, uint64_t value, size_t bytes);

/* Takes removed bytes out and puts others in; from == NULL: zeroes. The items are then those of before. */
bool model_splice(struct model *model, size_t at, size_t removed, const void *from, size_t added);
/* Finds the items anew. */
void model_split(struct model *model);

/* It has a p2m far beyond its size, which costs memory and time and finds nothing. */
bool model_is_vast(const struct model *model);

/* Unpacks, changes something, packs. */
size_t model_mutate(uint8_t *packed, size_t count, size_t most, unsigned int seed);

/*
 * Examines a file, as verify does, and expects what examine() promises; of a
 * sound one also that it is sound through a pipe with more threads, and that
 * restore could localise its tables.
 */
int examine_bytes(const uint8_t *bytes, size_t count);

#endif
