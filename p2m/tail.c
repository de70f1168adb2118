/*
 * The end of the last leaf. A Linux whose p2m grows should announce the end of
 * the new leaf as max_pfn. From 4.3 on, until its commit 4b511d5bfa74 of 2021,
 * it announces the pfn that made the p2m grow, so pages of the guest lie behind
 * max_pfn: after memory hotplug that is the first pfn of the last leaf, all of it. What else may stand there is not specified: other kernels share the
 * page with other data. So a word counts only if it names a frame that is the
 * guest's and that no other pfn has.
 */
#include "p2m/find.h"

#include <stdlib.h>

#include "stream/format.h"

enum { MOST_WORDS = 1024 }; /* of a leaf */

struct word {
	mfn_t mfn;
	uint64_t pfn;
	bool is_known; /* a pfn before max_pfn has this frame */
};

/* Takes the words out of the p2m, which leaves holes. */
static size_t take_words(struct p2m *p2m, struct word *words)
{
	uint64_t end = p2m->leaves * p2m_per_page(p2m->layout);
	size_t count = 0;

	for (uint64_t pfn = p2m->count; pfn < end; pfn++) {
		if (!mfn_is_valid(p2m->mfn[pfn]))
			continue;
		words[count++] = (struct word){ .mfn = p2m->mfn[pfn], .pfn = pfn };
		p2m->mfn[pfn] = MFN(INVALID_FRAME);
	}
	return count;
}

static int keep_frames_of_guest(struct domain *domain, struct word *words, size_t *count)
{
	mfn_t mfns[MOST_WORDS];
	uint8_t types[MOST_WORDS];
	size_t all = *count;
	int rc;

	for (size_t i = 0; i < all; i++)
		mfns[i] = words[i].mfn;
	rc = domain_frame_types(domain, mfns, all, types);
	*count = 0;
	for (size_t i = 0; !rc && i < all; i++)
		if (frame_has_data(types[i]))
			words[(*count)++] = words[i];
	return rc;
}

static int by_mfn(const void *left, const void *right)
{
	uint64_t a = ((const struct word *)left)->mfn.n, b = ((const struct word *)right)->mfn.n;

	return a < b ? -1 : a > b;
}

/* Sorts them, and leaves one of those that name the same frame: the first pfn. */
static size_t sort_once(struct word *words, size_t count)
{
	size_t kept = 0;

	qsort(words, count, sizeof(*words), by_mfn);
	for (size_t i = 0; i < count; i++) {
		struct word *last = kept ? &words[kept - 1] : NULL;

		if (!last || last->mfn.n != words[i].mfn.n)
			words[kept++] = words[i];
		else if (words[i].pfn < last->pfn)
			*last = words[i];
	}
	return kept;
}

/* Only a guest that has such words pays for this look through its whole p2m. */
static void mark_known(const struct p2m *p2m, struct word *words, size_t count)
{
	for (uint64_t pfn = 0; pfn < p2m->count; pfn++) {
		struct word key = { .mfn = p2m->mfn[pfn] }, *found;

		if (key.mfn.n < words[0].mfn.n || key.mfn.n > words[count - 1].mfn.n)
			continue;
		found = bsearch(&key, words, count, sizeof(*words), by_mfn);
		if (found)
			found->is_known = true;
	}
}

int p2m_take_tail(struct p2m *p2m, struct domain *domain)
{
	struct word words[MOST_WORDS];
	uint64_t end = p2m->count;
	size_t count = take_words(p2m, words);
	int rc = count ? keep_frames_of_guest(domain, words, &count) : 0;

	if (rc || !count)
		return rc;
	count = sort_once(words, count);
	mark_known(p2m, words, count);
	for (size_t i = 0; i < count; i++) {
		if (words[i].is_known)
			continue;
		p2m->mfn[words[i].pfn] = words[i].mfn;
		if (words[i].pfn >= end)
			end = words[i].pfn + 1;
	}
	p2m->count = end;
	return 0;
}
