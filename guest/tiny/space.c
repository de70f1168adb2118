/* Address spaces for scenarios: pages with patterns, under three tables of level 3 and more below. */
#include "scenario.h"

uint64_t space_va(unsigned int i)
{
	return (uint64_t)(i % 3) << 39 | (uint64_t)(i % 2) << 30 | (uint64_t)(i % 5) << 21 | 0x10000000 |
	       i << 12;
}

struct mm *space_make(uint64_t number, unsigned int count)
{
	struct mm *mm = mm_new();

	for (unsigned int i = 0; i < count; i++) {
		uint64_t pfn = page_alloc();

		pattern_fill(pfn, number + i, 1);
		mm_map(mm, space_va(i), pfn, KERNEL_WRITE);
		page_put(pfn);
	}
	return mm;
}

static bool table_sound(const uint64_t *table, unsigned int level)
{
	unsigned int end = level == ROOT ? user_slots.end : TABLE_SLOTS;

	for (unsigned int i = 0; i < end; i++) {
		uint64_t pfn = table[i] & PRESENT ? m2p_get(entry_mfn(table[i])) : 0;

		if (pfn == INVALID) {
			wrong("a table of level %u at %lx: slot %u, %lx, names a frame that is not ours",
			      level, (uint64_t)table, i, table[i]);
			return false;
		}
		if (level > 1 && table[i] & PRESENT && !table_sound(virt(pfn), level - 1))
			return false;
	}
	return true;
}

bool space_sound(struct mm *mm)
{
	return table_sound(mm->root, ROOT) && table_sound(mm->user_root, ROOT);
}

bool space_check(struct mm *mm, uint64_t number, unsigned int count)
{
	if (!space_sound(mm))
		return false;
	mm_load(mm);
	for (unsigned int i = 0; i < count; i++)
		if (!pattern_check_at((void *)space_va(i), number + i, 1))
			return false;
	return true;
}

struct mm *space_clone(struct mm *mm, unsigned int count)
{
	struct mm *copy = mm_new();

	for (unsigned int i = 0; i < count; i++) {
		uint64_t pfn = page_alloc();

		memcpy(virt(pfn), virt(mm_frame(mm, space_va(i))), PAGE_BYTES);
		mm_map(copy, space_va(i), pfn, KERNEL_WRITE);
		page_put(pfn);
	}
	return copy;
}
