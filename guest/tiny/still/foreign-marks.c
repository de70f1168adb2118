/*
 * A frame that is not ours has a place in the p2m, marked: shared info's, by
 * itself in a leaf and among pages of ours. The mark may come back or be gone;
 * it may not be a frame. Nothing maps it while the domain is suspended.
 */
#include "scenario.h"

enum { PLACES = 2 };

static uint64_t place[PLACES];

static void put_marks(void)
{
	uint64_t mfn = start_info->shared_info / PAGE_BYTES;

	for (unsigned int i = 0; i < PLACES; i++) {
		p2m_set(place[i], mfn | P2M_FOREIGN);
		mm_set_entry(&kernel_mm, (uint64_t)virt(place[i]), entry(place[i], KERNEL_READ));
		if (((struct shared_info *)virt(place[i]))->arch.max_pfn != p2m_count)
			wrong("pfn %lx does not show shared info", place[i]);
		if (m2p_get(mfn) != INVALID)
			wrong("mfn %lx of Xen's passes for pfn %lx of ours", mfn, m2p_get(mfn));
	}
}

static void leave(void)
{
	for (unsigned int i = 0; i < PLACES; i++)
		mm_set_entry(&kernel_mm, (uint64_t)virt(place[i]), 0);
}

static enum outcome foreign_marks_start(void)
{
	place[0] = page_alloc();
	balloon_out(place[0]);
	place[1] = page_count + 3 * P2M_SPAN;
	p2m_count = place[1] + 1;
	p2m_publish();
	put_marks();
	return success("%u foreign frames in the p2m", PLACES);
}

static enum outcome foreign_marks_check(void)
{
	unsigned int marks = 0, gone = 0;

	for (unsigned int i = 0; i < PLACES; i++) {
		uint64_t mfn = p2m_get(place[i]);

		gone += mfn == INVALID;
		marks += mfn != INVALID && mfn & P2M_FOREIGN;
	}
	if (marks + gone != PLACES)
		wrong("a foreign frame became one of ours");
	put_marks();
	return success("%u marks came back, %u are gone", marks, gone);
}

SCENARIO(.name = "foreign-marks", .says = "foreign frames in the p2m never become ours",
	 .start = foreign_marks_start, .check = foreign_marks_check, .leave = leave);
