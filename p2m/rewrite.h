/*
 * The guest's own p2m, in its own pages, told the new mfns. The pages came
 * over like any others, so what stands in them is the source's: entries of
 * pfns that have a frame are replaced; a hole stays a hole, an identity entry
 * stays one, and what named a frame that is gone becomes a hole.
 */
#ifndef P2M_REWRITE_H
#define P2M_REWRITE_H

#include "p2m/p2m.h"

/*
 * leaf[] are the pages of the p2m, by pfn, one for each page's worth of
 * entries. Fails if a leaf is no ordinary
 * page, or serves two ranges that both have frames.
 */
int p2m_rewrite(struct domain *domain, const struct layout *layout, const uint64_t *leaf,
		const struct destination *memory);

/*
 * Reads it again, writing nothing, and sets wrong[] of each pfn whose entry is not what p2m_rewrite() leaves there;
 * it goes by the pages of the domain only.
 */
int p2m_reread(struct domain *domain, const struct layout *layout, const uint64_t *leaf,
	       const struct destination *memory, uint8_t *wrong);

#endif
