/*
 * mfn -> pfn, the p2m turned round. One look-up answers both "is this frame
 * the guest's?" and "what does the guest call it?".
 *
 * A bit for each frame of the host's range the guest lives in, the pfns in the
 * order of their mfns, and for each 512 frames how many of the guest's come
 * before; 5/32 of a byte a host frame and 4 bytes a guest page. Where 512
 * frames are the guest's 512 pfns in a row, as they are after a 2 MiB
 * allocation, that one fact answers for all of them.
 */
#ifndef P2M_INVERSE_H
#define P2M_INVERSE_H

#include "p2m/p2m.h"

enum { INVERSE_GROUP = 512 };
#define NOT_IN_A_ROW UINT32_MAX

struct inverse_group {
	uint64_t within; /* for each word of bits but the first, in 9 bits: how many in the group before it */
	uint32_t before; /* how many in all groups before */
	uint32_t first_pfn; /* of 512 pfns in a row, or NOT_IN_A_ROW */
};

struct inverse {
	uint64_t first;		     /* lowest mfn, rounded down to 512 */
	uint64_t frames;	     /* range, a multiple of 512 */
	uint64_t *bits;		     /* a group more than there are; this is what was allocated */
	struct inverse_group *group; /* one more, too */
	uint32_t *pfn;
	uint64_t count;
};

/* -EEXIST if two pfns name the same frame: such a guest cannot be carried. */
int inverse_init(struct inverse *inverse, const struct p2m *p2m);
void inverse_release(struct inverse *inverse);

static inline bool inverse_has(const struct inverse *inverse, uint64_t mfn)
{
	uint64_t at = mfn - inverse->first;

	return at < inverse->frames && inverse->bits[at / 64] >> at % 64 & 1;
}

/* Where in pfn[] the answer for a frame stands that the inverse has. */
static inline uint64_t inverse_rank(const struct inverse *inverse, uint64_t mfn)
{
	uint64_t at = mfn - inverse->first, word = at / 64;
	const struct inverse_group *group = &inverse->group[at / INVERSE_GROUP];

	/* Word 0 of a group takes bit 63, which is zero. */
	return group->before + (group->within >> (word + 7) % 8 * 9 & 511) +
	       __builtin_popcountll(inverse->bits[word] & ((1ULL << at % 64) - 1));
}

/*
 * The pfn of the first frame of the group that mfn is in, if what holds for it
 * holds for all of the group: the pfn of each is as far from it. NOT_IN_A_ROW if not.
 */
static inline uint32_t inverse_row(const struct inverse *inverse, uint64_t mfn)
{
	uint64_t at = mfn - inverse->first;

	return at < inverse->frames ? inverse->group[at / INVERSE_GROUP].first_pfn : NOT_IN_A_ROW;
}

/* The pfn, or INVALID_FRAME if the frame is not the guest's. */
static inline uint64_t inverse_pfn_once(const struct inverse *inverse, uint64_t mfn)
{
	return inverse_has(inverse, mfn) ? inverse->pfn[inverse_rank(inverse, mfn)] : INVALID_FRAME;
}

/* The same for up to INVERSE_MANY at once, in place: they wait for memory together. */
enum { INVERSE_MANY = 256 };
void inverse_pfns(const struct inverse *inverse, uint64_t *frame, unsigned int count);

#endif
