/*
 * Frame numbers. pfn is the guest's own, mfn the machine's. They are different
 * types, so that mixing them up does not compile.
 */
#ifndef XEN_FRAME_H
#define XEN_FRAME_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint64_t n;
} pfn_t;
typedef struct {
	uint64_t n;
} mfn_t;

#define PFN(number)   ((pfn_t){ number })
#define MFN(number)   ((mfn_t){ number })
#define INVALID_FRAME UINT64_MAX

static inline bool mfn_is_valid(mfn_t mfn)
{
	return mfn.n != INVALID_FRAME;
}

/* Above these no machine of today has frames, nor a guest of ours pages: 16 TiB. */
enum { MFN_BITS = 40 };
#define PFN_LIMIT (1ULL << 32)

#endif
