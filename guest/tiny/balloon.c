/* Frames given back to Xen, and taken from it; and frames that change their pfn. */
#include "tiny.h"

static void unmap(uint64_t pfn)
{
	mm_set_entry(&kernel_mm, (uint64_t)virt(pfn), 0);
}

static void map(uint64_t pfn)
{
	mm_set_entry(&kernel_mm, (uint64_t)virt(pfn), entry(pfn, KERNEL_WRITE));
}

void balloon_out(uint64_t pfn)
{
	xen_pfn_t mfn = mfn_of(pfn);
	struct xen_memory_reservation out = { .nr_extents = 1, .domid = DOMID_SELF };
	long count;

	set_xen_guest_handle(out.extent_start, &mfn);
	unmap(pfn);
	p2m_set(pfn, INVALID);
	count = memory_op(XENMEM_decrease_reservation, &out);
	if (count != 1)
		panic("Xen does not take mfn %lx back: %ld", mfn, count);
}

bool balloon_in(uint64_t pfn)
{
	xen_pfn_t frame = pfn;
	struct xen_memory_reservation in = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(in.extent_start, &frame);
	if (memory_op(XENMEM_populate_physmap, &in) != 1)
		return false;
	p2m_set(pfn, frame);
	map(pfn);
	return true;
}

void page_move(uint64_t from, uint64_t to)
{
	uint64_t mfn = mfn_of(from);
	bool open;

	unmap(from);
	p2m_set(from, INVALID);
	p2m_set(to, mfn);
	open = lock(&mm_lock);
	batch_m2p(mfn, to);
	batch_flush();
	unlock(&mm_lock, open);
	if (to >= p2m_count) {
		p2m_count = to + 1;
		p2m_publish();
	}
	map(to);
}
