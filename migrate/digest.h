/*
 * What a page looked like when it was sent, in 64 bits. The key is drawn anew
 * for each job and never leaves it, so nobody can prepare two pages alike.
 */
#ifndef MIGRATE_DIGEST_H
#define MIGRATE_DIGEST_H

#include <stdint.h>

/* Draws the key, and takes of XXH3 and XXH64 the faster one here: they differ by 8 under emulation. */
int digest_init(void);

uint64_t digest_page(const void *page);

/* Bytes a second of one thread, as seen by digest_init(). */
uint64_t digest_speed(void);

#endif
