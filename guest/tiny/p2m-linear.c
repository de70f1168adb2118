/*
 * The linear form: the leaves mapped in a row at P2M_BASE, for who walks the
 * kernel's tables from outside. p2m_generation is odd while that changes.
 * Where a leaf is missing the shared one is mapped, read-only.
 */
#include "tiny.h"

static bool published; /* tables are there, and shared info is ours to write */

static uint64_t va_of(uint64_t pfn)
{
	return P2M_BASE + pfn / P2M_SPAN * PAGE_BYTES;
}

static void map_leaf(uint64_t pfn, uint64_t *leaf)
{
	uint64_t flags = leaf == p2m_missing_leaf() ? KERNEL_READ : KERNEL_WRITE;

	mm_set_entry(&kernel_mm, va_of(pfn), entry(pfn_of(leaf), flags));
}

void p2m_linear_set(uint64_t pfn, uint64_t *leaf)
{
	if (!published)
		return;
	ONCE(shared_info->arch.p2m_generation)++;
	map_leaf(pfn, leaf);
	ONCE(shared_info->arch.p2m_generation)++;
}

void p2m_linear_publish(void)
{
	static uint64_t mapped;
	struct arch_shared_info *arch = &shared_info->arch;

	for (; mapped < p2m_count; mapped += P2M_SPAN)
		map_leaf(mapped, p2m_leaf(mapped));
	published = true;
	arch->p2m_vaddr = P2M_BASE;
	arch->p2m_cr3 = xen_pfn_to_cr3(mfn_of(pfn_of(kernel_mm.root)));
}

uint64_t p2m_linear_check(void)
{
	uint64_t differences = 0;

	for (uint64_t pfn = 0; pfn < p2m_count; pfn += P2M_SPAN)
		differences += mm_frame(&kernel_mm, va_of(pfn)) != pfn_of(p2m_leaf(pfn));
	return differences + (shared_info->arch.p2m_generation & 1);
}
