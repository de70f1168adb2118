/*
 * Goes through a stream from the first record to the end, keeps what is the
 * machine's, and hands the memory to a visitor: to one that builds a domain, or
 * to one that only looks.
 */
#ifndef RESTORE_RECEIVE_H
#define RESTORE_RECEIVE_H

#include "machine/machine.h"
#include "stream/reader.h"

/* A PAGE_DATA record, its lengths and words checked. */
struct pages {
	uint32_t count;
	const uint64_t *frame; /* type << 60 | pfn */
	const uint8_t
		*data; /* 4096 bytes for each that has data, in order; NULL: they stayed in the file, at: */
	uint64_t at;
	uint32_t data_count;
};

static inline uint64_t word_pfn(uint64_t word)
{
	return word & FRAME_PFN_MASK;
}

static inline unsigned int word_type(uint64_t word)
{
	return word >> 60;
}

enum { TYPE_UNSEEN = 0xff }; /* of a pfn that no record has named yet */

struct incoming;

struct visitor {
	/* The static data is complete: width and CPU policy are known. */
	int (*static_end)(struct incoming *incoming);
	/* incoming->count is known, or has grown. */
	int (*resize)(struct incoming *incoming, uint64_t old_count);
	/* incoming->type[] is still what it was before. The visitor releases the record, whatever it returns. */
	int (*pages)(struct incoming *incoming, struct record *record, const struct pages *pages);
	/* Any other record was taken. May be NULL. */
	int (*other)(struct incoming *incoming, const struct record *record);
};

struct incoming {
	struct reader *reader;
	const struct visitor *visitor;
	void *context; /* the visitor's */
	struct machine machine;
	uint64_t count; /* pfns: the end of X86_PV_P2M_FRAMES + 1 */
	uint8_t *type;	/* by pfn: the last one named, or TYPE_UNSEEN */
	uint64_t *leaf; /* pfns of the p2m's own pages */
	uint64_t leaves;
	uint64_t most_pfns; /* that the caller believes; more are refused */
	bool is_static_over, is_verifying;
	bool is_again; /* the machine's records were taken before: they are passed over */
};

/* To the end of everything, or the first failure. */
int receive_stream(struct incoming *incoming);
void incoming_release(struct incoming *incoming);

/* After the stream: unseen pfns become holes, and all that depends on the whole memory is checked. */
int incoming_check(struct incoming *incoming, const mfn_t *mfn);

#endif
