/*
 * What a page looked like when it was sent, in 64 bits: XXH3 with a secret that
 * is drawn anew for each job and never leaves it, so that a guest cannot prepare
 * two pages alike. (It can for XXH64, for half of all seeds.) By vector instructions
 * where they are faster, with the same result.
 */
#ifndef MIGRATE_DIGEST_H
#define MIGRATE_DIGEST_H

#include <stdint.h>

/* Draws the secret, and finds out what is faster here: they differ by 8 under emulation. */
int digest_init(void);

/* This secret, of DIGEST_KEY_BYTES, instead of the one that was drawn: digests of earlier jobs are as today's then. */
enum { DIGEST_KEY_BYTES = 136 };
void digest_use_key(const uint8_t *key);

uint64_t digest_page(const void *page);

/* Bytes a second of one thread, as seen by digest_init(). */
uint64_t digest_speed(void);

#endif
