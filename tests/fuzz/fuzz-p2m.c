/*
 * A guest's memory -> its p2m, of both forms and widths, and the inverse of
 * it; and then its p2m rewritten. The memory starts as that of a sound guest.
 * What the input says changes it, some of it not before the Nth mapping, as a
 * guest does that runs while it is read. Takes the place of xen/memory.c.
 */
#include <errno.h>
#include <stdbool.h>

#include "fuzz.h"
#include "p2m/inverse.h"
#include "p2m/rewrite.h"
#include "stream/format.h"
#include "xen/pte.h"

/*
 * Frames from FIRST_MFN on: the roots and lists, then leaves, then the rest.
 * Those beyond MEMORY are the guest's too, but nothing is ever read there.
 */
enum {
	FIRST_MFN = 0x1000,
	MEMORY = 40,
	LEAVES = 12,
	FIRST_LEAF = 16,
	FRAMES = 1 << 17,
	PFNS_MOST = LEAVES * 1024
};

struct poke {
	uint8_t when, frame, kind, repeat;
	uint16_t slot;
	uint64_t value;
};

static struct {
	const struct layout *layout;
	uint8_t memory[MEMORY][PAGE_BYTES];
	uint8_t shared_info[PAGE_BYTES];
	uint8_t types_seed;
	struct poke pokes[64];
	unsigned int poke_count, maps, live_maps;
} guest;

/* --- changes ---------------------------------------------------------------- */

static uint64_t poked_value(const struct poke *poke, unsigned int i)
{
	uint64_t mfn = FIRST_MFN + (poke->value & 0xffff) + i;

	switch (poke->kind % 4) {
	case 0: return mfn;
	case 1: return mfn << PAGE_BITS | (poke->value >> 16 & 0xfff);
	case 2: return guest.layout->width == 8 ? mfn << PAGE_BITS : compat_cr3(mfn);
	default: return poke->value;
	}
}

static size_t shared_info_place(uint16_t slot)
{
	const struct shared_info_layout *at = &guest.layout->shared_info;
	size_t places[] = { at->max_pfn, at->frame_list_list, at->p2m_cr3, at->p2m_vaddr,
			    at->p2m_generation };

	return places[slot % 5];
}

static void poke(const struct poke *poke)
{
	static const struct layout wide = { .width = 8 };
	bool is_entry = poke->kind % 4 == 1;

	if (poke->frame >= MEMORY) {
		word_set(guest.layout, guest.shared_info, shared_info_place(poke->slot),
			 poked_value(poke, 0));
		return;
	}
	for (unsigned int i = 0; i <= poke->repeat; i++)
		word_set(is_entry ? &wide : guest.layout, guest.memory[poke->frame],
			 (poke->slot + i) % 512 * (is_entry ? 8 : guest.layout->width), poked_value(poke, i));
}

static void poke_all(unsigned int when)
{
	for (unsigned int i = 0; i < guest.poke_count; i++)
		if (guest.pokes[i].when == when)
			poke(&guest.pokes[i]);
}

/* --- in place of xen/memory.c ------------------------------------------------ */

/* A copy, in memory of exactly its size; with the frames behind it for domain_unmap(). */
struct mapping {
	uint8_t *at;
	mfn_t *mfns;
	size_t count;
	bool writable;
} mappings[4];

void *domain_map(struct domain *domain, const mfn_t *mfns, size_t count, bool writable, int *errors)
{
	struct mapping *m = &mappings[guest.live_maps];

	(void)domain;
	expect(count && !errors && guest.live_maps < 4);
	poke_all(++guest.maps);
	for (size_t i = 0; i < count; i++)
		if (mfns[i].n - FIRST_MFN >= MEMORY) {
			fail(EINVAL, "mfn %#lx is none to map", mfns[i].n);
			return NULL;
		}
	*m = (struct mapping){ malloc(count * PAGE_BYTES), malloc(count * sizeof(*mfns)), count, writable };
	for (size_t i = 0; i < count; i++)
		memcpy(m->at + i * PAGE_BYTES, guest.memory[mfns[i].n - FIRST_MFN], PAGE_BYTES);
	memcpy(m->mfns, mfns, count * sizeof(*mfns));
	guest.live_maps++;
	return m->at;
}

void domain_unmap(struct domain *domain, void *at, size_t count)
{
	struct mapping *m = &mappings[guest.live_maps - 1];

	(void)domain;
	if (!at)
		return;
	expect(guest.live_maps && m->at == at && m->count == count);
	for (size_t i = 0; m->writable && i < count; i++)
		memcpy(guest.memory[m->mfns[i].n - FIRST_MFN], m->at + i * PAGE_BYTES, PAGE_BYTES);
	free(m->at);
	free(m->mfns);
	guest.live_maps--;
}

static uint8_t type_of(uint64_t mfn)
{
	static const uint8_t types[] = { 0, 0, 0, 0, 1, 2, 9, 12, 0, 0, 0, 15, 14, 13, 0, 0 };
	uint8_t any = mfn * 7 + guest.types_seed;

	if (mfn - FIRST_MFN >= FRAMES)
		return FRAME_XTAB;
	return guest.types_seed & 0x80 && any % 251 == 3 ? 5
	     : guest.types_seed				 ? types[any % 16]
							 : FRAME_NOTAB;
}

int domain_frame_types(struct domain *domain, const mfn_t *mfns, size_t count, uint8_t *types)
{
	(void)domain;
	for (size_t i = 0; i < count; i++)
		types[i] = type_of(mfns[i].n);
	return 0;
}

/* --- a sound guest ----------------------------------------------------------- */

static void set(unsigned int frame, unsigned int slot, unsigned int width, uint64_t value)
{
	memcpy(guest.memory[frame] + slot * width, &value, width);
}

/* Frame 0: frame-list-list, 1: the one list, 2..5: levels 4..1 of the linear p2m (32-bit: 3..1), at vaddr. */
static void make_guest(uint64_t pfns, uint64_t vaddr)
{
	unsigned int width = guest.layout->width, levels = guest.layout->levels,
		     per_page = PAGE_BYTES / width;
	uint64_t cr3 = FIRST_MFN + 2;

	memset(guest.memory, 0, sizeof(guest.memory));
	memset(guest.shared_info, 0, sizeof(guest.shared_info));
	set(0, 0, width, FIRST_MFN + 1);
	for (unsigned int level = levels; level > 1; level--)
		set(2 + levels - level, vaddr >> (12 + 9 * (level - 1)) & 511, 8,
		    (cr3 + levels - level + 1) << 12 | 1);
	for (unsigned int i = 0; i < LEAVES; i++) {
		set(1, i, width, FIRST_MFN + FIRST_LEAF + i);
		set(1 + levels, ((vaddr >> 12) + i) & 511, 8,
		    (uint64_t)(FIRST_MFN + FIRST_LEAF + i) << 12 | 3);
		for (unsigned int slot = 0; slot < per_page; slot++)
			set(FIRST_LEAF + i, slot, width, FIRST_MFN + MEMORY + i * per_page + slot);
	}
	word_set(guest.layout, guest.shared_info, guest.layout->shared_info.max_pfn, pfns);
	word_set(guest.layout, guest.shared_info, guest.layout->shared_info.frame_list_list, FIRST_MFN);
	word_set(guest.layout, guest.shared_info, guest.layout->shared_info.p2m_cr3,
		 width == 8 ? cr3 << PAGE_BITS : compat_cr3(cr3));
	word_set(guest.layout, guest.shared_info, guest.layout->shared_info.p2m_vaddr, vaddr);
}

/* --- expectations ------------------------------------------------------------ */

static void expect_inverse(const struct p2m *p2m, const struct inverse *inverse)
{
	for (uint64_t pfn = 0; pfn < p2m->count; pfn++) {
		uint64_t mfn = p2m->mfn[pfn].n, frame[] = { mfn, mfn + 1, mfn - 1 };

		if (!mfn_is_valid(p2m->mfn[pfn]))
			continue;
		expect(inverse_has(inverse, mfn) && inverse_pfn_once(inverse, mfn) == pfn);
		inverse_pfns(inverse, frame, 3);
		expect(frame[0] == pfn);
		expect(frame[1] == inverse_pfn_once(inverse, mfn + 1));
		expect(frame[2] == inverse_pfn_once(inverse, mfn - 1));
	}
	for (uint64_t i = 0; i < 64; i++)
		expect(!inverse_has(inverse, i * 0x123456789abcdefULL + FRAMES * 2) ||
		       i * 0x123456789abcdefULL + FRAMES * 2 - FIRST_MFN < FRAMES);
	expect(!inverse_has(inverse, INVALID_FRAME) && !inverse_has(inverse, inverse->first - 1) &&
	       !inverse_has(inverse, inverse->first + inverse->frames));
}

static bool has_twins(const struct p2m *p2m)
{
	static uint8_t seen[FRAMES];
	bool found = false;

	memset(seen, 0, sizeof(seen));
	for (uint64_t pfn = 0; pfn < p2m->count; pfn++)
		if (mfn_is_valid(p2m->mfn[pfn]))
			found |= seen[p2m->mfn[pfn].n - FIRST_MFN]++;
	return found;
}

static void expect_p2m(const struct p2m *p2m)
{
	for (uint64_t pfn = 0; pfn < p2m->count; pfn++) {
		expect(!mfn_is_valid(p2m->mfn[pfn]) || p2m->mfn[pfn].n >> MFN_BITS == 0);
		expect(p2m->type[pfn] == FRAME_XTAB);
	}
	for (uint64_t i = 0; i < p2m->leaves; i++)
		expect(p2m->leaf[i].n - FIRST_MFN < MEMORY);
}

/* Found again where it was rewritten: leaf pfns in, the same mfns out, holes as holes. */
static void expect_rewritten(struct p2m *p2m, struct input *in)
{
	uint64_t *leaf = calloc(p2m->leaves, sizeof(*leaf));
	mfn_t *mfn = malloc(p2m->count * sizeof(*mfn));
	int rc;

	for (uint64_t pfn = 0; pfn < p2m->count; pfn++)
		mfn[pfn] = pfn < MEMORY ? MFN(FIRST_MFN + pfn) : p2m->mfn[pfn];
	for (uint64_t i = 0; i < p2m->leaves; i++)
		leaf[i] = in->left ? take16(in) % (2 * MEMORY) : FIRST_LEAF + i;
	rc = p2m_rewrite(NULL, p2m->layout, leaf, &(struct destination){ mfn, p2m->type, p2m->count });
	expect_reason(rc);
	for (uint64_t pfn = 0, per_page = p2m_per_page(p2m->layout); !rc && pfn < p2m->count; pfn++) {
		const uint8_t *page = guest.memory[mfn[leaf[pfn / per_page]].n - FIRST_MFN];
		uint64_t word = word_get(p2m->layout, page, pfn % per_page * p2m->layout->width);

		expect(mfn_is_valid(mfn[pfn])
			       ? word == mfn[pfn].n
			       : word >> (p2m->layout->width * 8 - 2) & 3 || word == INVALID_FRAME);
	}
	free(leaf);
	free(mfn);
}

static void use(struct p2m *p2m, struct input *in)
{
	struct inverse inverse;
	int rc;

	expect_p2m(p2m);
	rc = p2m_check_unmoved(p2m, NULL, guest.shared_info);
	expect_reason(rc);
	fail_forget();
	rc = p2m_fetch_types(p2m, NULL);
	expect_reason(rc);
	if (rc)
		return;
	rc = inverse_init(&inverse, p2m);
	expect_reason(rc);
	expect((rc == -EEXIST) == has_twins(p2m));
	if (!rc)
		expect_inverse(p2m, &inverse);
	inverse_release(&inverse);
	guest.poke_count = 0;
	fail_forget();
	expect_rewritten(p2m, in);
}

static void take_pokes(struct input *in)
{
	guest.poke_count = take8(in) % 64;
	for (unsigned int i = 0; i < guest.poke_count; i++) {
		struct poke *poke = &guest.pokes[i];

		*poke = (struct poke){ take8(in) % 64, take8(in), take8(in), take8(in), take16(in), 0 };
		poke->value = poke->kind % 4 == 3 ? take64(in) : take16(in) | (uint64_t)take16(in) << 16;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct input in = { data, count };
	uint8_t how = take8(&in);
	uint64_t pfns = take16(&in), vaddr = (uint64_t)take16(&in) << PAGE_BITS;
	struct p2m p2m;
	int rc;

	guest.layout = layout_of(how & 1 ? 4 : 8);
	guest.types_seed = take8(&in);
	guest.maps = guest.live_maps = 0;
	vaddr += how & 1 ? 0xf0000000 & ~0x1fffffULL : how & 8 ? 0 : 0xffff800000000000;
	take_pokes(&in);
	make_guest(1 + pfns % (PFNS_MOST / (guest.layout->width == 8 ? 2 : 1)), vaddr & ~0x1fffffULL);
	poke_all(0);
	fail_forget();
	rc = p2m_find(&p2m, &(struct p2m_source){ NULL, guest.layout, guest.shared_info, 0, false },
		      (how >> 1) % 3, PFNS_MOST);
	expect_reason(rc);
	expect(!guest.live_maps);
	if (!rc)
		use(&p2m, &in);
	expect(!guest.live_maps);
	p2m_release(&p2m);
	return 0;
}
