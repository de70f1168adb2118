/* Page tables: their entries, the walker, and pages that are read-only because they are tables. */
#include "tiny.h"

#define ENTRY_MFN 0x000ffffffffff000ul

const struct range user_slots = { 0, TABLE_SLOTS / 2 }, kernel_slots = { KERNEL_FIRST_SLOT, TABLE_SLOTS };

uint64_t entry(uint64_t pfn, uint64_t flags)
{
	return mfn_of(pfn) * PAGE_BYTES | flags;
}

uint64_t entry_mfn(uint64_t entry)
{
	return (entry & ENTRY_MFN) / PAGE_BYTES;
}

uint64_t *entry_table(uint64_t entry)
{
	uint64_t pfn = m2p_get(entry_mfn(entry));

	if (pfn == INVALID)
		panic("entry %lx names a table that is not ours", entry);
	return virt(pfn);
}

unsigned int slot_number(uint64_t va, unsigned int level)
{
	return va >> (12 + 9 * (level - 1)) & (TABLE_SLOTS - 1);
}

static void walk(uint64_t *table, unsigned int level, struct range slots, table_fn *visit, void *context)
{
	for (unsigned int i = slots.first; level > 1 && i < slots.end; i++)
		if (table[i] & PRESENT)
			walk(entry_table(table[i]), level - 1, (struct range){ 0, TABLE_SLOTS }, visit,
			     context);
	visit(table, level, context);
}

void tables_walk(uint64_t *root, struct range slots, table_fn *visit, void *context)
{
	walk(root, ROOT, slots, visit, context);
}

uint64_t *tables_find(uint64_t *table, uint64_t va)
{
	for (unsigned int level = ROOT; level > 1; level--) {
		uint64_t entry = table[slot_number(va, level)];

		if (!(entry & PRESENT))
			return NULL;
		table = entry_table(entry);
	}
	return &table[slot_number(va, 1)];
}

void slot_set(uint64_t *slot, uint64_t value)
{
	if (pages[pfn_of(slot)].holds)
		batch_entry(slot, value);
	else
		ONCE(*slot) = value;
}

/* Where the kernel itself sees the page. */
static void set_own_mapping(uint64_t pfn, uint64_t flags)
{
	batch_entry(tables_find(kernel_mm.root, (uint64_t)virt(pfn)), entry(pfn, flags));
}

void page_hold(uint64_t pfn)
{
	if (!pages[pfn].holds++)
		set_own_mapping(pfn, KERNEL_READ);
}

void page_drop(uint64_t pfn)
{
	if (!--pages[pfn].holds)
		set_own_mapping(pfn, KERNEL_WRITE);
}
