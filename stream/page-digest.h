/*
 * What a page holds, in 128 bits: XXH3 with the key of a chain of images as its secret. The key is
 * drawn when a chain begins and stands in its files, which the guest cannot read: so it cannot
 * prepare two pages alike. It is no signature: who can write the file can make the digests anew.
 */
#ifndef STREAM_PAGE_DIGEST_H
#define STREAM_PAGE_DIGEST_H

#include "stream/format.h"

struct page_digest page_digest(const void *page, const uint8_t *key);

static inline bool page_digest_equals(struct page_digest a, struct page_digest b)
{
	return a.low == b.low && a.high == b.high;
}

/* All memory of a guest at one moment: type and digest by pfn. */
struct memory_state {
	uint64_t count;
	uint8_t *type;
	struct page_digest *digest; /* of types without data it does not count */
};

/* One digest of it all; -ENOMEM. */
int memory_root(const struct memory_state *memory, const uint8_t *key, struct page_digest *root);

#endif
