/*
 * Entries of address spaces, and the tables they need. A table that comes
 * below another is held as often as that one: into a pinned space it comes
 * read-only, and what it maps is changed by asking Xen.
 */
#include "tiny.h"

static void link_table(struct mm *mm, uint64_t *above, uint64_t va, unsigned int level, uint64_t pfn)
{
	uint64_t value = entry(pfn, KERNEL_WRITE);

	slot_set(&above[slot_number(va, level)], value);
	if (level == ROOT && mm->user_root)
		slot_set(&mm->user_root[slot_number(va, level)], value);
}

static uint64_t *add_table(struct mm *mm, uint64_t *above, uint64_t va, unsigned int level)
{
	uint64_t pfn = page_alloc();

	for (unsigned int i = pages[pfn_of(above)].holds; i; i--)
		page_hold(pfn);
	link_table(mm, above, va, level, pfn);
	batch_flush();
	return virt(pfn);
}

/* The slot of a level; tables above it are made. */
static uint64_t *slot_at(struct mm *mm, uint64_t va, unsigned int wanted)
{
	uint64_t *table = mm->root;

	for (unsigned int level = ROOT; level > wanted; level--) {
		uint64_t entry = table[slot_number(va, level)];

		table = entry & PRESENT ? entry_table(entry) : add_table(mm, table, va, level);
	}
	return &table[slot_number(va, wanted)];
}

static void set_entry(struct mm *mm, uint64_t va, uint64_t value)
{
	slot_set(slot_at(mm, va, 1), value);
}

void mm_set_entry(struct mm *mm, uint64_t va, uint64_t value)
{
	bool open = lock(&mm_lock);

	set_entry(mm, va, value);
	if (mm->holders)
		batch_operation(MMUEXT_TLB_FLUSH_ALL, 0);
	batch_flush();
	unlock(&mm_lock, open);
}

void mm_map_kernel(uint64_t first, uint64_t end)
{
	bool open = lock(&mm_lock);

	for (uint64_t pfn = first; pfn < end; pfn++)
		set_entry(&kernel_mm, (uint64_t)virt(pfn), entry(pfn, KERNEL_WRITE));
	batch_flush();
	unlock(&mm_lock, open);
}

void mm_map(struct mm *mm, uint64_t va, uint64_t pfn, uint64_t flags)
{
	page_get(pfn);
	mm_set_entry(mm, va, entry(pfn, flags));
}

uint64_t mm_frame(struct mm *mm, uint64_t va)
{
	bool open = lock(&mm_lock);
	uint64_t *slot = tables_find(mm->root, va);
	uint64_t pfn = slot && *slot & PRESENT ? m2p_get(entry_mfn(*slot)) : INVALID;

	unlock(&mm_lock, open);
	return pfn;
}

static void hold_below(uint64_t *table, unsigned int level, unsigned int times)
{
	for (unsigned int i = 0; level > 1 && i < TABLE_SLOTS; i++)
		if (table[i] & PRESENT)
			hold_below(entry_table(table[i]), level - 1, times);
	for (; times; times--)
		page_hold(pfn_of(table));
}

void mm_share(struct mm *mm, struct mm *with, uint64_t va, unsigned int level)
{
	bool open = lock(&mm_lock);
	uint64_t *slot = slot_at(mm, va, level), *other = slot_at(with, va, level);
	uint64_t *above = virt(pfn_of(other)), *shared = entry_table(*slot);

	page_get(pfn_of(shared));
	hold_below(shared, level - 1, pages[pfn_of(above)].holds);
	link_table(with, above, va, level, pfn_of(shared));
	batch_flush();
	unlock(&mm_lock, open);
}
