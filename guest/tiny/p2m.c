/*
 * pfn -> mfn: top, mid, leaf. What is nowhere set shares one missing leaf, all
 * INVALID, and one missing mid, all of that leaf. The lists of machine frames
 * that go with it, for who looks from outside, are p2m-lists.c; the linear
 * form is p2m-linear.c. One vCPU
 * at a time changes its shape.
 */
#include "tiny.h"

enum { MIDS = TABLE_SLOTS };

uint64_t p2m_count;
static uint64_t **top[MIDS] PAGE_ALIGNED;
static uint64_t *missing_mid[TABLE_SLOTS] PAGE_ALIGNED;
static uint64_t missing_leaf[P2M_SPAN] PAGE_ALIGNED;

bool p2m_is_linear(void)
{
	const char *form = option("p2m");

	return text_equal(form, "linear") || text_equal(form, "both");
}

bool p2m_is_list(void)
{
	return !text_equal(option("p2m"), "linear");
}

uint64_t *p2m_missing_leaf(void)
{
	return missing_leaf;
}

uint64_t *p2m_leaf(uint64_t pfn)
{
	return pfn / P2M_LIST_SPAN < MIDS ? top[pfn / P2M_LIST_SPAN][pfn / P2M_SPAN % TABLE_SLOTS]
					  : missing_leaf;
}

uint64_t p2m_get(uint64_t pfn)
{
	return ONCE(p2m_leaf(pfn)[pfn % P2M_SPAN]);
}

static void put_leaf(uint64_t pfn, uint64_t *leaf)
{
	uint64_t ***mid = &top[pfn / P2M_LIST_SPAN];

	if (*mid == missing_mid) {
		uint64_t **fresh = virt(page_alloc());

		memcpy(fresh, missing_mid, PAGE_BYTES);
		*mid = fresh;
	}
	(*mid)[pfn / P2M_SPAN % TABLE_SLOTS] = leaf;
	p2m_lists_set(pfn, leaf);
	p2m_linear_set(pfn, leaf);
}

void p2m_set(uint64_t pfn, uint64_t mfn)
{
	uint64_t *leaf = p2m_leaf(pfn);

	if (leaf == missing_leaf && mfn == INVALID)
		return;
	if (leaf == missing_leaf) {
		leaf = virt(page_alloc());
		memset(leaf, 0xff, PAGE_BYTES);
		put_leaf(pfn, leaf);
	}
	ONCE(leaf[pfn % P2M_SPAN]) = mfn;
}

uint64_t mfn_of(uint64_t pfn)
{
	uint64_t mfn = p2m_get(pfn);

	if (mfn == INVALID)
		panic("pfn %lx has no frame", pfn);
	return mfn & ~P2M_FOREIGN;
}

/* Xen's map has an entry for each frame of the machine, also of frames that are not ours. Before p2m_init() all are. */
uint64_t m2p_get(uint64_t mfn)
{
	uint64_t pfn = machine_to_phys_mapping[mfn];

	if (!p2m_count)
		return pfn;
	return pfn < (uint64_t)MIDS * P2M_LIST_SPAN && p2m_get(pfn) == mfn ? pfn : INVALID;
}

/* From the domain builder's array, which is free afterwards. */
void p2m_init(const uint64_t *mfns, uint64_t count)
{
	memset(missing_leaf, 0xff, sizeof(missing_leaf));
	for (unsigned int i = 0; i < TABLE_SLOTS; i++)
		missing_mid[i] = missing_leaf;
	for (unsigned int i = 0; i < MIDS; i++)
		top[i] = missing_mid;
	for (uint64_t first = 0; first < count; first += P2M_SPAN) {
		uint64_t *leaf = virt(page_alloc()), left = count - first;

		memset(leaf, 0xff, PAGE_BYTES);
		memcpy(leaf, mfns + first, (left < P2M_SPAN ? left : P2M_SPAN) * sizeof(*leaf));
		put_leaf(first, leaf);
	}
	p2m_count = count;
}

void p2m_publish(void)
{
	struct arch_shared_info *arch = &shared_info->arch;

	p2m_lists_rebuild();
	arch->pfn_to_mfn_frame_list_list = p2m_is_list() ? p2m_lists_frame() : INVALID;
	if (p2m_is_linear())
		p2m_linear_publish();
	arch->max_pfn = p2m_count;
}

bool p2m_move_leaf(uint64_t pfn)
{
	uint64_t *old = p2m_leaf(pfn), *fresh;

	if (old == missing_leaf)
		return false;
	fresh = virt(page_alloc());
	memcpy(fresh, old, PAGE_BYTES);
	put_leaf(pfn, fresh);
	page_put(pfn_of(old));
	return true;
}

uint64_t p2m_check(void)
{
	uint64_t differences = p2m_lists_check();

	for (unsigned int i = 0; i < P2M_SPAN; i++)
		differences += missing_leaf[i] != INVALID;
	for (uint64_t pfn = 0; pfn < p2m_count; pfn++) {
		uint64_t mfn = p2m_get(pfn);

		differences += mfn != INVALID && !(mfn & P2M_FOREIGN) && machine_to_phys_mapping[mfn] != pfn;
	}
	return differences + (p2m_is_linear() ? p2m_linear_check() : 0);
}
