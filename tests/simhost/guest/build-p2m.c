/*
 * The p2m: an array of mfns, as wide as the guest, that the toolstack finds either
 * through page tables (linear) or through a list of lists of its frames.
 */
#include "build.h"

static uint64_t width(const struct build *build)
{
	return build->options->is_32bit ? 4 : 8;
}

static void put_entry(struct build *build, uint64_t first_pfn, uint64_t index, uint64_t value)
{
	uint64_t per_page = PAGE_BYTES / width(build);
	void *page = build_page(build, first_pfn + index / per_page);

	if (build->options->is_32bit)
		((uint32_t *)page)[index % per_page] = value;
	else
		((uint64_t *)page)[index % per_page] = value;
}

/* A list of the frames of pages in a row; as a real guest's, full to the end of its page. */
static void fill_list(struct build *build, uint64_t list, uint64_t first, uint64_t nr)
{
	uint64_t per_page = PAGE_BYTES / width(build);

	for (uint64_t i = 0; i < (nr + per_page - 1) / per_page * per_page; i++)
		put_entry(build, list, i, build->p2m[first + (i < nr ? i : nr - 1)]);
}

/* Leaf frames, a list of them, and a list of the pages of that list. */
static void build_lists(struct build *build)
{
	uint64_t per_page = PAGE_BYTES / width(build);
	struct guest_state *state = build->state;
	uint64_t middle_pages = (state->p2m_pages + per_page - 1) / per_page;

	state->p2m_middle = build_take(build, middle_pages, USE_KERNEL);
	state->p2m_top = build_take(build, 1, USE_KERNEL);
	fill_list(build, state->p2m_middle, build->first_leaf, state->p2m_pages);
	fill_list(build, state->p2m_top, state->p2m_middle, middle_pages);
}

static void announce_64(struct build *build, uint64_t top)
{
	struct shared_info_x86_64 *shared = host_page(build->host, build->domain->shared_info);

	shared->arch.max_pfn = build->nr_pages - build->options->unannounced;
	shared->arch.pfn_to_mfn_frame_list_list = top;
	shared->arch.p2m_vaddr = build->state->p2m_is_linear ? build->state->p2m_va : 0;
	shared->arch.p2m_generation = 2;
}

static void announce_32(struct build *build, uint64_t top)
{
	struct shared_info_x86_32 *shared = host_page(build->host, build->domain->shared_info);

	shared->arch.max_pfn = build->nr_pages - build->options->unannounced;
	shared->arch.pfn_to_mfn_frame_list_list = top;
	shared->arch.p2m_vaddr = build->state->p2m_is_linear ? build->state->p2m_va : 0;
	shared->arch.p2m_generation = 2;
}

/* The guest's own list of which page is which leaf: they may move. */
static void note_leaves(struct build *build)
{
	uint64_t pages = build->state->p2m_pages;

	build->state->leaves = build_take(build, (pages * 8 + PAGE_BYTES - 1) / PAGE_BYTES, USE_KERNEL);
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t *noted = build_page(build, build->state->leaves + i * 8 / PAGE_BYTES);

		noted[i % (PAGE_BYTES / 8)] = build->first_leaf + i;
	}
}

void build_p2m(struct build *build)
{
	uint64_t per_page = PAGE_BYTES / width(build), nr = build->nr_pages;
	struct guest_state *state = build->state;

	state->p2m_pages = (nr + per_page - 1) / per_page;
	build->first_leaf = build_take(build, state->p2m_pages, USE_KERNEL);
	note_leaves(build);
	for (uint64_t pfn = 0; pfn < state->p2m_pages * per_page; pfn++)
		put_entry(build, build->first_leaf, pfn, pfn < nr ? build->p2m[pfn] : NO_FRAME);
	if (!state->p2m_is_linear)
		build_lists(build);
	if (build->options->is_32bit)
		announce_32(build, state->p2m_is_linear ? ~0u : build->p2m[state->p2m_top]);
	else
		announce_64(build, state->p2m_is_linear ? NO_FRAME : build->p2m[state->p2m_top]);
	state->generation = 2;
}
