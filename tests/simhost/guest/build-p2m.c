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

/* A list of the frames of an array; as a real guest's, full to the end of its page. */
static uint64_t build_list(struct build *build, uint64_t first, uint64_t nr)
{
	uint64_t per_page = PAGE_BYTES / width(build);
	uint64_t pages = (nr + per_page - 1) / per_page;
	uint64_t list = build_take(build, pages, USE_KERNEL);

	for (uint64_t i = 0; i < pages * per_page; i++)
		put_entry(build, list, i, build->p2m[first + (i < nr ? i : nr - 1)]);
	return list;
}

static void announce_64(struct build *build, uint64_t top)
{
	struct shared_info_x86_64 *shared = host_page(build->host, build->domain->shared_info);

	shared->arch.max_pfn = build->nr_pages;
	shared->arch.pfn_to_mfn_frame_list_list = top;
	shared->arch.p2m_vaddr = build->state->p2m_is_linear ? build->state->p2m_va : 0;
	shared->arch.p2m_generation = 2;
}

static void announce_32(struct build *build, uint64_t top)
{
	struct shared_info_x86_32 *shared = host_page(build->host, build->domain->shared_info);

	shared->arch.max_pfn = build->nr_pages;
	shared->arch.pfn_to_mfn_frame_list_list = top;
	shared->arch.p2m_vaddr = build->state->p2m_is_linear ? build->state->p2m_va : 0;
	shared->arch.p2m_generation = 2;
}

void build_p2m(struct build *build)
{
	uint64_t per_page = PAGE_BYTES / width(build), nr = build->nr_pages;
	struct guest_state *state = build->state;

	state->p2m_pages = (nr + per_page - 1) / per_page;
	state->p2m = build_take(build, state->p2m_pages, USE_KERNEL);
	for (uint64_t pfn = 0; pfn < state->p2m_pages * per_page; pfn++)
		put_entry(build, state->p2m, pfn, pfn < nr ? build->p2m[pfn] : NO_FRAME);
	if (!state->p2m_is_linear) {
		uint64_t middle = build_list(build, state->p2m, state->p2m_pages);

		state->p2m_top = build_list(build, middle,
					    (state->p2m_pages + per_page - 1) / per_page);
	}
	if (build->options->is_32bit)
		announce_32(build, state->p2m_is_linear ? ~0u : build->p2m[state->p2m_top]);
	else
		announce_64(build, state->p2m_is_linear ? NO_FRAME : build->p2m[state->p2m_top]);
	state->generation = 2;
}
