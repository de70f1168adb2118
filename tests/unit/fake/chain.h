/* A full image and increments of a memory that changes, in files of memory. */
#ifndef FAKE_CHAIN_H
#define FAKE_CHAIN_H

#include "stream.h"
#include "stream/chain.h"
#include "stream/index-draft.h"

/* Fuzzers read it for each input. */
#ifdef FAKE_FRAME_BITS
enum { PFNS = 600, LINKS = 4 };
#else
enum { PFNS = 1300, LINKS = 4 };
#endif

extern struct chain_test {
	struct chain chain;
	uint8_t type[PFNS];
	uint32_t content[PFNS]; /* of a page: all its words */
	/* What the newest image had. */
	uint8_t parent_type[PFNS];
	struct page_digest parent_digest[PFNS];
	struct index_head head;
	uint64_t random;
} t;

extern const char *const chain_names[LINKS]; /* newest first */

/* LINKS images, of which the first one written is full. */
void chain_begin(void);
void chain_end(void);

/* A PAGE_DATA record of these words, with the pages as they are now. */
void chain_put_record(struct bytes *out, const uint64_t *words, unsigned int count);

#endif
