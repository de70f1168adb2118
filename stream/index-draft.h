/*
 * The index of an image that is being written: by pfn, the last word that went and the frame it is in. When
 * all frames are written it becomes the frame before the seal (writer_finish()).
 *
 * With a parent's memory the image is an increment of that: words that are the parent's need not go.
 *
 * Mirror: stream/index.h
 */
#ifndef STREAM_INDEX_DRAFT_H
#define STREAM_INDEX_DRAFT_H

#include "stream/bytes.h"
#include "stream/format.h"
#include "stream/page-digest.h"

struct writer;

struct index_draft {
	struct index_head head;	    /* state, parent and key are set at the beginning, the rest at the end */
	struct memory_state memory; /* as it went, or else as it is in the parent */
	uint32_t *frame;	    /* by pfn: where the last word on it went; 0: it did not go */
	uint8_t *times; /* by pfn: how often a word on it was made, gone or not; 2: more than once */
	struct memory_state parent; /* the caller's; its count is 0 without one */
	/*
	 * The caller's: where the memory above is put together as long as the guest has no more pfns than that, so that
	 * the caller has it when the image is written; its count is 0 without one.
	 */
	struct memory_state room;
	struct bytes holds_pages; /* by frame: 1 if it holds pages */
};

/* Draws a state, and a key; zero the draft before. */
int index_draft_begin(struct index_draft *draft);
/* The same on a parent: its state, root and key; its memory stays the caller's. */
int index_draft_begin_increment(struct index_draft *draft, const struct index_head *parent,
				const struct memory_state *memory);
void index_draft_release(struct index_draft *draft);

/* The guest has so many pfns. No other thread may use the draft meanwhile. */
int index_draft_grow(struct index_draft *draft, uint64_t count);

/* A record was filled with these words. Of each round before any of the next, by one thread for each pfn. */
void index_draft_count(struct index_draft *draft, const uint64_t *words, unsigned int count);

/*
 * Has the word to go? Not if the parent has the same. One that was made before may have gone as another, or be on
 * its way still: then it has to.
 */
static inline bool index_draft_needs(const struct index_draft *draft, uint64_t word,
				     const struct page_digest *digest)
{
	uint64_t pfn = word & FRAME_PFN_MASK;
	unsigned int type = word >> 60;

	if (pfn >= draft->parent.count || draft->times[pfn] > 1 || draft->parent.type[pfn] != type)
		return true;
	return frame_has_data(type) && !page_digest_equals(draft->parent.digest[pfn], *digest);
}

/* A record with these words went as the frame of that number. digests: of the words with data, in order. In the order of frames. */
int index_draft_note(struct index_draft *draft, uint32_t frame, const uint64_t *words,
		     const struct page_digest *digests, unsigned int count);

/* All frames are written: writes the index. */
int index_draft_write(struct index_draft *draft, struct writer *writer);

#endif
