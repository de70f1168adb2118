/*
 * The kernel's page tables: all of memory, and the p2m at an address of its own.
 * Tables and descriptor tables are mapped read-only, as Xen demands.
 */
#include <string.h>

#include "../machine/pte.h"
#include "build.h"

static const uint64_t table_bits = PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY;

static unsigned slot_of(uint64_t va, unsigned level)
{
	return va >> (12 + 9 * (level - 1)) & (SLOTS - 1);
}

static unsigned top_level(const struct build *build)
{
	return build->options->is_32bit ? 3 : 4;
}

static uint64_t entry_bits(const struct build *build, unsigned level)
{
	return level == 3 && build->options->is_32bit ? PTE_PRESENT : table_bits;
}

/* The slot that maps the address, all tables above it made as needed. */
static uint64_t *find_slot(struct build *build, uint64_t va)
{
	uint64_t pfn = build->state->root;

	for (unsigned level = top_level(build); level > 1; level--) {
		uint64_t *entry = (uint64_t *)build_page(build, pfn) + slot_of(va, level);

		if (!(*entry & PTE_PRESENT)) {
			pfn = build_take(build, 1, USE_TABLE);
			*entry = pte_make(build->p2m[pfn], entry_bits(build, level));
		} else {
			pfn = host_m2p(build->host)[pte_mfn(*entry)];
		}
	}
	return (uint64_t *)build_page(build, pfn) + slot_of(va, 1);
}

static void map(struct build *build, uint64_t va, uint64_t pfn)
{
	uint64_t bits = PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY | PTE_NX;

	*find_slot(build, va) = pte_make(build->p2m[pfn], bits);
}

static void protect(struct build *build, uint64_t pfn)
{
	if (pfn < build->state->direct_pages)
		*find_slot(build, build->state->direct_va + pfn * PAGE_BYTES) &= ~PTE_RW;
}

static void map_everything(struct build *build)
{
	const struct guest_state *state = build->state;

	for (uint64_t pfn = 0; pfn < state->direct_pages; pfn++)
		if (build->p2m[pfn] != NO_FRAME)
			map(build, state->direct_va + pfn * PAGE_BYTES, pfn);
	for (uint64_t i = 0; state->p2m_is_linear && i < state->p2m_pages; i++)
		map(build, state->p2m_va + i * PAGE_BYTES, build->first_leaf + i);
}

/* A 32-bit guest's fourth level 2 is each address space's own. */
static void complete_32bit(struct build *build)
{
	const uint64_t *top = build_page(build, build->state->root);

	for (unsigned slot = 0; slot < PAE_L3_SLOTS; slot++)
		find_slot(build, (uint64_t)slot << 30);
	build->state->kernel_l2 = host_m2p(build->host)[pte_mfn(top[PAE_L3_SLOTS - 1])];
}

void build_tables(struct build *build)
{
	struct domain *domain = build->domain;
	struct guest_state *state = build->state;

	state->root = build_take(build, 1, USE_TABLE);
	map_everything(build);
	if (build->options->is_32bit)
		complete_32bit(build);
	for (uint64_t pfn = 0; pfn < build->next_pfn; pfn++)
		if (build->uses[pfn] == USE_TABLE)
			protect(build, pfn);
	for (uint64_t i = 0; i < build->options->vcpus; i++)
		protect(build, state->gdt + i);
	if (!state->p2m_is_linear)
		return;
	if (build->options->is_32bit) {
		struct shared_info_x86_32 *shared = host_page(build->host, domain->shared_info);
		uint64_t mfn = build->p2m[state->root];

		shared->arch.p2m_cr3 = mfn << 12 | mfn >> 20;
	} else {
		struct shared_info_x86_64 *shared = host_page(build->host, domain->shared_info);

		shared->arch.p2m_cr3 = build->p2m[state->root] << 12;
	}
}
