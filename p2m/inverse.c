/*
 * Building the inverse, see inverse.h. In: a p2m. Out: bits, counts and pfns by mfn. Three passes: the range of mfns, a
 * bit for each frame, and the pfns in the order of their mfns. The trap: two pfns that claim one frame would make it
 * the frame of either; so that is an error, which a running guest may show for a moment.
 */
#include "p2m/inverse.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"

enum { GROUP = INVERSE_GROUP, GROUP_WORDS = GROUP / 64 };

static void find_range(struct inverse *inverse, const struct p2m *p2m)
{
	uint64_t least = INVALID_FRAME, most = 0;

	for (uint64_t pfn = 0; pfn < p2m->count; pfn++) {
		uint64_t mfn = p2m->mfn[pfn].n;

		if (!mfn_is_valid(p2m->mfn[pfn]))
			continue;
		inverse->count++;
		if (mfn < least)
			least = mfn;
		if (mfn > most)
			most = mfn;
	}
	if (!inverse->count)
		return;
	inverse->first = least / GROUP * GROUP;
	inverse->frames = (most - inverse->first) / GROUP * GROUP + GROUP;
}

/* Nothing set on the way back from a frame two pfns have: this is the error's path only. */
static int say_twice(const struct p2m *p2m, uint64_t pfn)
{
	uint64_t other = 0;

	while (p2m->mfn[other].n != p2m->mfn[pfn].n)
		other++;
	return fail(EEXIST, "pfns %#lx and %#lx both claim mfn %#lx", other, pfn, p2m->mfn[pfn].n);
}

static int set_bits(struct inverse *inverse, const struct p2m *p2m)
{
	for (uint64_t pfn = 0; pfn < p2m->count; pfn++) {
		uint64_t at = p2m->mfn[pfn].n - inverse->first;

		if (!mfn_is_valid(p2m->mfn[pfn]))
			continue;
		if (inverse->bits[at / 64] >> at % 64 & 1)
			return say_twice(p2m, pfn);
		inverse->bits[at / 64] |= 1ULL << at % 64;
	}
	return 0;
}

/* The counts of one group, of which so many frames come before; returns how many come before the next. */
static uint32_t count_group(struct inverse_group *group, const uint64_t *bits, uint32_t before)
{
	uint64_t within = 0;

	*group = (struct inverse_group){ .before = before, .first_pfn = NOT_IN_A_ROW };
	for (unsigned int i = 0; i < GROUP_WORDS; i++) {
		if (i)
			group->within |= within << (i - 1) * 9;
		within += __builtin_popcountll(bits[i]);
	}
	return before + within;
}

static void count_groups(struct inverse *inverse)
{
	uint32_t before = 0;

	for (uint64_t i = 0; i < inverse->frames / GROUP; i++)
		before = count_group(&inverse->group[i], inverse->bits + i * GROUP_WORDS, before);
}

static void find_row(struct inverse_group *group, const uint32_t *pfn)
{
	for (unsigned int i = 1; i < GROUP; i++)
		if (pfn[i] != pfn[0] + i)
			return;
	group->first_pfn = pfn[0];
}

static void find_rows(struct inverse *inverse)
{
	for (uint64_t i = 0; i < inverse->frames / GROUP; i++) {
		struct inverse_group *group = &inverse->group[i];
		uint64_t next = i + 1 < inverse->frames / GROUP ? group[1].before : inverse->count;

		if (next - group->before == GROUP)
			find_row(group, inverse->pfn + group->before);
	}
}

/* All three in one piece, so that they share large pages: what is looked up at random costs page walks, too. */
static int allocate(struct inverse *inverse)
{
	size_t groups = inverse->frames / GROUP + 1;
	size_t bits_bytes = groups * GROUP / 8, group_bytes = groups * sizeof(*inverse->group);
	size_t bytes = bits_bytes + group_bytes + (inverse->count + 1) * sizeof(*inverse->pfn);

	/* calloc: what the guest does not reach of a large host costs no memory. */
	inverse->bits = calloc(1, bytes);
	if (!inverse->bits)
		return fail(ENOMEM, "out of memory for the inverse of %lu frames", inverse->count);
	inverse->group = (struct inverse_group *)((char *)inverse->bits + bits_bytes);
	inverse->pfn = (uint32_t *)((char *)inverse->group + group_bytes);
	p2m_use_large_pages(inverse->bits, bytes);
	return 0;
}

int inverse_init(struct inverse *inverse, const struct p2m *p2m)
{
	int rc;

	*inverse = (struct inverse){ 0 };
	find_range(inverse, p2m);
	rc = allocate(inverse);
	if (!rc)
		rc = set_bits(inverse, p2m);
	if (rc)
		return rc;
	count_groups(inverse);
	for (uint64_t pfn = 0; pfn < p2m->count; pfn++)
		if (mfn_is_valid(p2m->mfn[pfn]))
			inverse->pfn[inverse_rank(inverse, p2m->mfn[pfn].n)] = pfn;
	find_rows(inverse);
	return 0;
}

void inverse_pfns(const struct inverse *inverse, uint64_t *frame, unsigned int count)
{
	uint64_t at[INVERSE_MANY], rank[INVERSE_MANY];

	/*
	 * Three rounds over the many, each of which asks the memory for what the next needs: look-ups at random cost a
	 * miss each, and these come at the same time.
	 */
	for (unsigned int i = 0; i < count; i++) {
		at[i] = frame[i] - inverse->first;
		if (at[i] > inverse->frames)
			at[i] = inverse->frames;
		__builtin_prefetch(&inverse->bits[at[i] / 64]);
		__builtin_prefetch(&inverse->group[at[i] / GROUP]);
	}
	for (unsigned int i = 0; i < count; i++) {
		rank[i] = inverse_rank(inverse, at[i] + inverse->first);
		__builtin_prefetch(&inverse->pfn[rank[i]]);
	}
	for (unsigned int i = 0; i < count; i++)
		frame[i] = inverse->bits[at[i] / 64] >> at[i] % 64 & 1 ? inverse->pfn[rank[i]]
								       : INVALID_FRAME;
}

void inverse_release(struct inverse *inverse)
{
	free(inverse->bits);
	*inverse = (struct inverse){ 0 };
}
