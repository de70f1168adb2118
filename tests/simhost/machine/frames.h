/*
 * The machine's frames: who owns each and how often it is referred to.
 * A frame goes back to the heap when its last reference goes, so memory a
 * process still has mapped outlives the domain it belonged to, as on Xen.
 */
#ifndef SIMHOST_FRAMES_H
#define SIMHOST_FRAMES_H

#include "host.h"

void frames_init(struct host *host);
void frames_reserve(struct host *host, uint64_t first, uint64_t count);

/* 2^order frames in a row for a domain, order 0..9; NO_FRAME if there are none. */
uint64_t frames_alloc(struct host *host, struct domain *domain, unsigned order);

/* A zeroed frame of Xen's own, shared with the domain. */
uint64_t frames_alloc_shared(struct host *host, struct domain *domain);

/* A zeroed frame of Xen's own; given back by frame_put. */
uint64_t frames_alloc_xen(struct host *host);

static inline bool frame_exists(struct host *host, uint64_t mfn)
{
	return mfn < host->machine->nr_frames;
}

/* One more reference, if the frame is the domain's: 0 or -EINVAL. */
int frame_get(struct host *host, uint64_t mfn, const struct domain *domain);
void frame_put(struct host *host, uint64_t mfn);

/* The owner gives the frame back; -EINVAL if it had done so already. */
int frame_release(struct host *host, uint64_t mfn);

/* pfn of the frame in its owner's own numbers, or NO_FRAME. */
void frame_set_pfn(struct host *host, uint64_t mfn, uint64_t pfn);

#endif
