/*
 * The p2m of a running guest, in both forms.
 */
#include "../machine/domain.h"
#include "mm.h"
#include "p2m.h"

static void put_shared(struct guest *guest, size_t at_64, size_t at_32, uint64_t value)
{
	cpu_store_shared(&guest->cpu, guest->is_32bit ? at_32 : at_64, &value, guest->is_32bit ? 4 : 8);
}

#define PUT_SHARED(guest, field, value) \
	put_shared(guest, offsetof(struct shared_info_x86_64, arch.field), \
		   offsetof(struct shared_info_x86_32, arch.field), value)

static uint64_t per_page(const struct guest *guest)
{
	return PAGE_BYTES / (guest->is_32bit ? 4 : 8);
}

static void put_in_list(struct guest *guest, uint64_t list, uint64_t index, uint64_t pfn)
{
	uint64_t mfn = kernel_mfn(guest, pfn), width = guest->is_32bit ? 4 : 8;

	kernel_store(guest, list + index / per_page(guest), index % per_page(guest) * width, &mfn, width);
}

static uint64_t middle_pages(struct guest *guest)
{
	return (GET(guest, p2m_pages) + per_page(guest) - 1) / per_page(guest);
}

/* One leaf's place in the list; the last one fills the rest of its page. */
static void list_leaf(struct guest *guest, uint64_t index)
{
	uint64_t nr = GET(guest, p2m_pages), pfn = kernel_leaf(guest, index);
	uint64_t end = index + 1 < nr ? nr : middle_pages(guest) * per_page(guest);

	put_in_list(guest, GET(guest, p2m_middle), index, pfn);
	for (uint64_t i = index + 1; index + 1 == nr && i < end; i++)
		put_in_list(guest, GET(guest, p2m_middle), i, pfn);
}

static void announce_lists(struct guest *guest)
{
	uint64_t pages = GET(guest, p2m_pages), nr = middle_pages(guest);

	for (uint64_t i = 0; i < pages; i++)
		list_leaf(guest, i);
	for (uint64_t i = 0; i < per_page(guest); i++)
		put_in_list(guest, GET(guest, p2m_top), i, GET(guest, p2m_middle) + (i < nr ? i : nr - 1));
	PUT_SHARED(guest, pfn_to_mfn_frame_list_list, kernel_mfn(guest, GET(guest, p2m_top)));
	PUT_SHARED(guest, p2m_vaddr, 0);
	PUT_SHARED(guest, p2m_cr3, 0);
}

static void announce_linear(struct guest *guest)
{
	uint64_t root = kernel_mfn(guest, GET(guest, root));

	PUT_SHARED(guest, pfn_to_mfn_frame_list_list, guest->is_32bit ? ~0u : ~0ul);
	PUT_SHARED(guest, p2m_vaddr, GET(guest, p2m_va));
	PUT_SHARED(guest, p2m_cr3, guest->is_32bit ? (uint32_t)(root << 12 | root >> 20) : root << 12);
}

void p2m_announce(struct guest *guest)
{
	PUT_SHARED(guest, max_pfn, guest->nr_pages - GET(guest, unannounced));
	PUT_SHARED(guest, p2m_generation, GET(guest, generation));
	if (GET(guest, p2m_is_linear))
		announce_linear(guest);
	else
		announce_lists(guest);
}

static void bump(struct guest *guest)
{
	uint64_t generation = GET(guest, generation) + 1;

	PUT(guest, generation, generation);
	PUT_SHARED(guest, p2m_generation, generation);
}

void p2m_begin_change(struct guest *guest)
{
	bump(guest);
}

void p2m_end_change(struct guest *guest)
{
	bump(guest);
}

static void copy_page(struct guest *guest, uint64_t to, uint64_t from)
{
	uint8_t page[PAGE_BYTES];

	if (!kernel_load(guest, from, 0, page, sizeof(page)))
		kernel_store(guest, to, 0, page, sizeof(page));
}

void p2m_move_leaf(struct guest *guest, uint64_t index)
{
	uint64_t old = kernel_leaf(guest, index), new = kernel_take(guest, USE_KERNEL);

	if (new == NO_FRAME)
		return;
	p2m_begin_change(guest);
	copy_page(guest, new, old);
	kernel_store(guest, GET(guest, leaves) + index * 8 / PAGE_BYTES, index * 8 % PAGE_BYTES, &new,
		     sizeof(new));
	if (GET(guest, p2m_is_linear))
		mm_map_kernel(guest, GET(guest, p2m_va) + index * PAGE_BYTES, new, true);
	else
		list_leaf(guest, index);
	p2m_end_change(guest);
	kernel_give(guest, old);
}
