/* Building the inverse, see inverse.h. */
#include "p2m/inverse.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"

enum { GROUP = 512 };

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

static void count_groups(struct inverse *inverse)
{
	uint32_t before = 0;

	for (uint64_t group = 0; group < inverse->frames / GROUP; group++) {
		inverse->before[group] = before;
		for (unsigned int i = 0; i < GROUP / 64; i++)
			before += __builtin_popcountll(inverse->bits[group * (GROUP / 64) + i]);
	}
}

int inverse_init(struct inverse *inverse, const struct p2m *p2m)
{
	int rc;

	*inverse = (struct inverse){ 0 };
	find_range(inverse, p2m);
	/* calloc: what the guest does not reach of a large host costs no memory. */
	inverse->bits = calloc(inverse->frames / 64 + 1, sizeof(*inverse->bits));
	inverse->before = calloc(inverse->frames / GROUP + 1, sizeof(*inverse->before));
	inverse->pfn = malloc((inverse->count + 1) * sizeof(*inverse->pfn));
	if (!inverse->bits || !inverse->before || !inverse->pfn)
		return fail(ENOMEM, "out of memory for the inverse of %lu pfns", p2m->count);
	rc = set_bits(inverse, p2m);
	if (rc)
		return rc;
	count_groups(inverse);
	for (uint64_t pfn = 0; pfn < p2m->count; pfn++)
		if (mfn_is_valid(p2m->mfn[pfn]))
			inverse->pfn[inverse_rank(inverse, p2m->mfn[pfn].n)] = pfn;
	return 0;
}

void inverse_release(struct inverse *inverse)
{
	free(inverse->bits);
	free(inverse->before);
	free(inverse->pfn);
	*inverse = (struct inverse){ 0 };
}
