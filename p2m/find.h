/*
 * The two ways to the pages that hold the p2m. Both fill leaf[], from leaf number
 * first on, and know nothing of what stands in those pages. Inside p2m/ only.
 */
#ifndef P2M_FIND_H
#define P2M_FIND_H

#include "p2m/p2m.h"

/* Walks the guest's page tables over the p2m's virtual addresses: p2m_cr3, p2m_vaddr. */
int p2m_find_linear(struct p2m *p2m, struct domain *domain, const void *shared_info, uint64_t first);

/* frame_list_list -> frame lists -> leaves. */
int p2m_find_list_list(struct p2m *p2m, struct domain *domain, const void *shared_info, uint64_t first);

/* Guest words that stand one after another in frames[]: count of them, from word first on. */
struct word_run {
	const struct layout *layout;
	const mfn_t *frames;
	uint64_t first, count;
};

/*
 * mfn[] has all words of the leaves. Those from count on become holes, unless they name
 * frames of the guest that no other pfn has: count then grows to include them.
 */
int p2m_take_tail(struct p2m *p2m, struct domain *domain);

/* Copies them. what names the frames in messages. */
int p2m_read_words(struct domain *domain, const struct word_run *run, uint64_t *words, const char *what);

#endif
