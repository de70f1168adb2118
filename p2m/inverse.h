/*
 * mfn -> pfn, the p2m turned round. One look-up answers both "is this frame
 * the guest's?" and "what does the guest call it?".
 *
 * A bit for each frame of the host's range the guest lives in, a running
 * count for each 512 of them, and the pfns in the order of their mfns: one
 * eighth of a byte a host frame and 4 bytes a guest page; frames that are
 * neighbours have neighbouring answers.
 */
#ifndef P2M_INVERSE_H
#define P2M_INVERSE_H

#include "p2m/p2m.h"

struct inverse {
	uint64_t first;		/* lowest mfn, rounded down to 512 */
	uint64_t frames;	/* range, a multiple of 512 */
	uint64_t *bits;
	uint32_t *before;	/* how many bits are set before each group of 512 */
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
	uint64_t at = mfn - inverse->first;
	uint64_t rank = inverse->before[at / 512];

	for (uint64_t i = at / 512 * 8; i < at / 64; i++)
		rank += __builtin_popcountll(inverse->bits[i]);
	return rank + __builtin_popcountll(inverse->bits[at / 64] & ((1ULL << at % 64) - 1));
}

/* The last answer: the frame after it has the answer after it. Start it zeroed. */
struct inverse_cursor { uint64_t mfn, rank; };

/* The pfn, or INVALID_FRAME if the frame is not the guest's. */
static inline uint64_t inverse_pfn(const struct inverse *inverse, struct inverse_cursor *cursor, uint64_t mfn)
{
	if (!inverse_has(inverse, mfn))
		return INVALID_FRAME;
	cursor->rank = cursor->mfn && mfn == cursor->mfn + 1
		? cursor->rank + 1 : inverse_rank(inverse, mfn);
	cursor->mfn = mfn;
	return inverse->pfn[cursor->rank];
}

/* One answer on its own. */
static inline uint64_t inverse_pfn_once(const struct inverse *inverse, uint64_t mfn)
{
	return inverse_has(inverse, mfn) ? inverse->pfn[inverse_rank(inverse, mfn)] : INVALID_FRAME;
}

#endif
