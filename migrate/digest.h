/*
 * What a page looked like when it was sent, in 64 bits: XXH3 by vector instructions, or NH by words where that is
 * faster. The secret is drawn anew for each job and never leaves it, so that a guest cannot prepare two pages alike.
 * (It can for XXH64, for half of all seeds.)
 */
#ifndef MIGRATE_DIGEST_H
#define MIGRATE_DIGEST_H

#include <stdint.h>

/*
 * Finds out what is faster here: words are, by 8, under emulation, where this takes 70 ms. Once in a process, and for its
 * children: who starts many jobs tries before the first.
 */
int digest_try(void);

/* Draws the secret; tries, if that was not done. */
int digest_init(void);

/* XXH3 with this secret, of DIGEST_KEY_BYTES, instead of what was drawn: digests of earlier jobs are as today's then. */
enum { DIGEST_KEY_BYTES = 136 };
void digest_use_key(const uint8_t *key);

uint64_t digest_page(const void *page);

/* Of the kind that is used: bytes a second of one thread, as seen by digest_try(), and what it is called. */
uint64_t digest_speed(void);
const char *digest_name(void);

#endif
