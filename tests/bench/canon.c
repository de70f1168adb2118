/*
 * What the work costs where no Xen is asked, by itself and in one thread: page
 * tables canonicalised and localised, ours beside upstream's rule in turn, and
 * the bandwidths that bound all the rest. One line of JSON a case.
 *
 * The guest has 4 GiB on a host of 64. "Contiguous": its frames come in whole
 * extents of 2 MiB, shuffled. "Scattered": one by one, from anywhere.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pagetable-canon/canon.h"
#include "tests/bench/clock.h"
#include "tests/bench/rule.h"

enum {
	HOST_FRAMES = 16 << 20,
	PAGES = 1 << 20,
	EXTENT = 512,
	TABLES = PAGES / TABLE_SLOTS,
	PASSES = 9,
	GOAL_CONTIGUOUS = 4,
	GOAL_SCATTERED = 2,
};

struct guest {
	mfn_t *mfn;    /* p2m */
	uint64_t *m2p; /* the host's */
	uint8_t *type;
	struct inverse inverse;
	uint64_t (*table)[TABLE_SLOTS];	    /* with mfns */
	uint64_t (*canonical)[TABLE_SLOTS]; /* with pfns */
};

static void *need(size_t bytes)
{
	void *at = aligned_alloc(PAGE_BYTES, (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);

	if (!at)
		abort();
	memset(at, 0xff, bytes);
	return at;
}

static uint64_t random_below(uint64_t bound)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % bound;
}

/* The guest's frames: PAGES / run runs of the host's HOST_FRAMES / run, each as long as run. */
static void choose_frames(struct guest *guest, uint64_t run)
{
	uint64_t runs = HOST_FRAMES / run;
	uint32_t *order = need(runs * sizeof(*order));

	for (uint64_t i = 0; i < runs; i++)
		order[i] = i;
	for (uint64_t i = 0; i < PAGES / run; i++) {
		uint64_t other = i + random_below(runs - i);
		uint32_t chosen = order[other];

		order[other] = order[i];
		for (uint64_t j = 0; j < run; j++)
			guest->mfn[i * run + j] = MFN(chosen * run + j);
	}
	free(order);
	for (uint64_t pfn = 0; pfn < PAGES; pfn++)
		guest->m2p[guest->mfn[pfn].n] = pfn;
}

/* Tables as a kernel's direct map has them (pfns in a row), or as a process's (any pfns). */
static void make_tables(struct guest *guest, bool in_a_row)
{
	for (uint64_t slot = 0; slot < PAGES; slot++) {
		uint64_t pfn = in_a_row ? slot : random_below(PAGES);

		guest->canonical[0][slot] = pfn << PAGE_BITS | 0x67;
		guest->table[0][slot] = guest->mfn[pfn].n << PAGE_BITS | 0x67;
	}
}

static void make_guest(struct guest *guest, uint64_t run, bool in_a_row)
{
	struct p2m p2m = { .count = PAGES };

	guest->mfn = need(PAGES * sizeof(*guest->mfn));
	guest->m2p = need(HOST_FRAMES * sizeof(*guest->m2p));
	guest->type = need(PAGES);
	guest->table = need(PAGES * sizeof(uint64_t));
	guest->canonical = need(PAGES * sizeof(uint64_t));
	memset(guest->type, FRAME_NOTAB, PAGES);
	choose_frames(guest, run);
	make_tables(guest, in_a_row);
	p2m.mfn = guest->mfn;
	if (inverse_init(&guest->inverse, &p2m))
		abort();
}

static void free_guest(struct guest *guest)
{
	inverse_release(&guest->inverse);
	free(guest->mfn);
	free(guest->m2p);
	free(guest->type);
	free(guest->table);
	free(guest->canonical);
}

static bool out_upstream(struct guest *guest, uint64_t *to, uint64_t table)
{
	struct rule rule = { HOST_FRAMES - 1, PAGES - 1, 8, guest->m2p, guest->mfn };
	const uint64_t *from = guest->table[table];

	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		uint64_t entry = from[slot];

		if (entry & PTE_PRESENT) {
			if (!rule_is_guests(&rule, pte_frame(entry)))
				return false;
			entry = pte_with_frame(entry, rule_pfn(&rule, pte_frame(entry)));
		}
		to[slot] = entry;
	}
	return true;
}

/* The same with nothing to call: what upstream's rule costs at the very least. */
static bool out_inlined(struct guest *guest, uint64_t *to, uint64_t table)
{
	const uint64_t *from = guest->table[table];

	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		uint64_t entry = from[slot], mfn = pte_frame(entry);

		if (entry & PTE_PRESENT) {
			if (mfn >= HOST_FRAMES || guest->m2p[mfn] >= PAGES ||
			    guest->mfn[guest->m2p[mfn]].n != mfn)
				return false;
			entry = pte_with_frame(entry, guest->m2p[mfn]);
		}
		to[slot] = entry;
	}
	return true;
}

/* On the way in: a first pass looks for pfns that have no frame yet, a second one puts the frames in. */
static bool rule_localise(const struct guest *guest, uint64_t *to, const uint64_t *from)
{
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
		if (from[slot] & PTE_PRESENT &&
		    (pte_frame(from[slot]) >= PAGES || !mfn_is_valid(guest->mfn[pte_frame(from[slot])])))
			return false;
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		uint64_t entry = from[slot];

		to[slot] = entry & PTE_PRESENT ? pte_with_frame(entry, guest->mfn[pte_frame(entry)].n)
					       : entry;
	}
	return true;
}

static bool out_ours(struct guest *guest, uint64_t *to, uint64_t table)
{
	struct table_fault fault;

	return canonicalise(to, guest->table[table], (struct table_kind){ 8, 1 }, &guest->inverse, &fault);
}

static bool in_upstream(struct guest *guest, uint64_t *to, uint64_t table)
{
	return rule_localise(guest, to, guest->canonical[table]);
}

static bool in_ours(struct guest *guest, uint64_t *to, uint64_t table)
{
	struct destination memory = { guest->mfn, guest->type, PAGES };
	struct table_fault fault;

	return localise(to, guest->canonical[table], (struct table_kind){ 8, 1 }, &memory, &fault);
}

/* Tables a second. What comes out goes to 64 pages in turn, as it does on its way into a record. */
static double speed(struct guest *guest, bool (*work)(struct guest *, uint64_t *, uint64_t),
		    uint64_t (*to)[TABLE_SLOTS])
{
	double start = cpu_seconds();

	for (uint64_t table = 0; table < TABLES; table++)
		if (!work(guest, to[table % 64], table))
			abort();
	return TABLES / (cpu_seconds() - start);
}

static void compare(struct guest *guest, const char *name, int goal,
		    bool (*upstream)(struct guest *, uint64_t *, uint64_t),
		    bool (*ours)(struct guest *, uint64_t *, uint64_t))
{
	double theirs[PASSES], own[PASSES], ratio[PASSES];
	uint64_t(*to)[TABLE_SLOTS] = need(64 * PAGE_BYTES);

	for (int i = -1; i < PASSES; i++) { /* the first pass warms up */
		double a = speed(guest, upstream, to), b = speed(guest, ours, to);

		if (i < 0)
			continue;
		theirs[i] = a;
		own[i] = b;
		ratio[i] = b / a;
	}
	free(to);
	printf("{\"case\": \"%s\", \"unit\": \"tables/s\", \"upstream\": %.0f, \"pvferry\": %.0f, \"ratio\": "
	       "%.2f",
	       name, median(theirs, PASSES), median(own, PASSES), median(ratio, PASSES));
	if (goal)
		printf(", \"goal\": %d", goal);
	printf("}\n");
}

int main(void)
{
	static const struct {
		const char *out, *inlined, *in;
		uint64_t run;
		bool in_a_row;
		int goal;
	} guests[] = {
		{ "canonicalise, contiguous", "  the rule without its calls", "localise, contiguous", EXTENT,
		  true, GOAL_CONTIGUOUS },
		{ "canonicalise, scattered", "  the rule without its calls", "localise, scattered", 1, true,
		  GOAL_SCATTERED },
		{ "canonicalise, scattered, pfns in any order", "  the rule without its calls",
		  "localise, pfns in any order", 1, false, 0 },
	};

	/* Each guest's arrays are mapped afresh, as a job's are, not taken from a heap that was used before. */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	for (size_t i = 0; i < sizeof(guests) / sizeof(*guests); i++) {
		struct guest guest;

		make_guest(&guest, guests[i].run, guests[i].in_a_row);
		compare(&guest, guests[i].out, guests[i].goal, out_upstream, out_ours);
		compare(&guest, guests[i].inlined, 0, out_inlined, out_ours);
		compare(&guest, guests[i].in, 0, in_upstream, in_ours);
		free_guest(&guest);
	}
	return print_bandwidths() ? EXIT_FAILURE : EXIT_SUCCESS;
}
