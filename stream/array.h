/*
 * An array with an entry for each pfn, which grows as the guest turns out to be
 * larger. It never moves, so threads may use what is there while it grows. Its
 * addresses are reserved at once; memory is taken when an entry is written to.
 */
#ifndef STREAM_ARRAY_H
#define STREAM_ARRAY_H

#include <stddef.h>
#include <stdint.h>

/*
 * array: the address of the pointer to it, which is NULL before the first call.
 * Entries of each bytes; new ones are zero. most: it will never have more, the
 * same number in each call.
 */
int array_grow(void *array, size_t each, uint64_t count, uint64_t most);
/* All its entries become zero, and their memory is given back. NULL is fine. */
void array_clear(void *at, size_t each, uint64_t count);
/* NULL is fine. */
void array_release(void *at, size_t each, uint64_t most);

#endif
