/*
 * The guest's own map from pfn to mfn, found where the guest publishes it and
 * copied out: it is read once, and what we hold is then the truth for the
 * job. 9 bytes a pfn.
 */
#ifndef P2M_P2M_H
#define P2M_P2M_H

#include <sys/mman.h>

#include "stream/format.h"
#include "xen/domain.h"
#include "xen/layout.h"

enum p2m_form { P2M_AUTO, P2M_LINEAR, P2M_LIST };

struct p2m {
	enum p2m_form form; /* how it was found */
	const struct layout *layout;
	uint64_t claimed; /* of pfns, by the guest's max_pfn */
	uint64_t most;	  /* see p2m_find() */
	uint64_t count;	  /* of pfns; more or less than claimed, see p2m_find() */
	mfn_t *mfn;	  /* by pfn; holes, foreign and identity entries are invalid */
	uint8_t *type;	  /* enum frame_type by pfn */
	mfn_t *leaf;	  /* the frames that hold the p2m itself */
	uint64_t leaves;
	bool has_further;    /* the last of them begins at what the guest claims, see p2m_find() */
	uint64_t generation; /* of the linear p2m, when it was read */
};

/* A guest's memory as those see it who name pages in it: the mfn and the type of each pfn. */
struct destination {
	const mfn_t *mfn;
	const uint8_t *type;
	uint64_t count;
};

const char *p2m_form_name(enum p2m_form form);

/* How many entries one page of a p2m has. */
static inline uint64_t p2m_per_page(const struct layout *layout)
{
	return 4096 / layout->width;
}

/*
 * For an array, large and not yet touched, that is looked up at random: with
 * pages of 2 MiB a look-up needs no page walk. Costs nothing where there are none.
 */
static inline void p2m_use_large_pages(void *at, size_t bytes)
{
	uintptr_t first = ((uintptr_t)at + PAGE_BYTES - 1) & -PAGE_BYTES;
	uintptr_t end = ((uintptr_t)at + bytes) & -PAGE_BYTES;

	if (end > first)
		madvise((void *)first, end - first, MADV_HUGEPAGE);
}

/* Whose p2m it is. */
struct p2m_source {
	struct domain *domain;
	const struct layout *layout;
	const void *shared_info; /* the guest's page, mapped */
	uint64_t least;	 /* count of an earlier p2m of this guest: it does not become less within a leaf */
	bool is_running; /* the guest may write its lists while they are read */
};

/*
 * Finds and copies it. most_pfns is the highest number of pfns the toolstack
 * ever promised the guest, with room for its holes: what claims more is
 * refused before memory is spent on it, unless it claims them for hotplug and
 * the leaves at its end are one page: those are left out. Pages of the guest
 * behind what it claims, in the leaf of the next pfn, are included (p2m/tail.c).
 * -EAGAIN: the guest kept changing it.
 */
int p2m_check_claim(const struct layout *layout, const void *shared_info, uint64_t most_pfns);
int p2m_find(struct p2m *p2m, const struct p2m_source *source, enum p2m_form form, uint64_t most_pfns);
void p2m_release(struct p2m *p2m);

/* Asks Xen for the type of each frame. Frames that are not the domain's become holes. */
int p2m_fetch_types(struct p2m *p2m, struct domain *domain);

/* -EAGAIN with a reason if the guest's p2m is no longer what was read. */
int p2m_check_unmoved(const struct p2m *p2m, struct domain *domain, const void *shared_info);

#endif
