/*
 * A digest of a page by ordinary instructions, for processors whose vectors are slow. Two pages that were not chosen
 * by one who knows the key have the same digest for one key in 2^63, whatever they hold. Only for digest.c.
 */
#ifndef MIGRATE_DIGEST_WORDS_H
#define MIGRATE_DIGEST_WORDS_H

#include <stdint.h>

#include "stream/format.h"

/* Random, all of it. */
struct words_key {
	uint64_t word[PAGE_BYTES / sizeof(uint64_t)];
	uint64_t fold[6]; /* of 128 bits make 64: three numbers of 128 bits, the low half first */
};

uint64_t digest_words(const void *page, const struct words_key *key);

#endif
