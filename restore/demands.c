/* See demands.h. */
#include "restore/demands.h"

#include <errno.h>
#include <string.h>

#include "log.h"

static int defect(const struct examination *x, uint64_t table, unsigned int slot, uint64_t entry,
		  enum table_defect what)
{
	return fail(EBADMSG, "record %u: pfn %#lx, a page table of level %u: slot %u (%#lx) %s", x->record_of[table],
		    table, frame_level(x->incoming.type[table]), slot, entry, table_defect_text(what));
}

static int note(struct examination *x, uint64_t table, unsigned int slot, unsigned int level, uint64_t entry)
{
	struct demand *demand;
	unsigned int width = x->incoming.machine.layout->width;
	enum way way = level > 1 ? AS_TABLE : entry & PTE_WRITABLE ? TO_WRITE : TO_READ;
	bool read_only = !(entry_judged(width, level, entry) & PTE_WRITABLE);

	if (pte_frame(entry) >= x->incoming.count)
		return defect(x, table, slot, entry, TABLE_NO_PFN);
	if (level > 1 && entry & PTE_SUPERPAGE)
		return defect(x, table, slot, entry, TABLE_SUPERPAGE);
	demand = &x->demands[pte_frame(entry)];
	demand->maps_top |= width == 4 && level == 3 && slot == 3;
	/* A linear table is named read-only beside its proper place: that one counts. */
	if (demand->slot[way] && !(way == AS_TABLE && demand->read_only && !read_only))
		return way != AS_TABLE || demand->level == level || read_only
			? 0 : defect(x, table, slot, entry, TABLE_WRONG_LEVEL);
	demand->table[way] = table;
	demand->slot[way] = slot + 1;
	if (way == AS_TABLE) {
		demand->level = level;
		demand->read_only = read_only;
	}
	return 0;
}

int demands_note(struct examination *x, uint64_t pfn, unsigned int level, const uint8_t *page)
{
	unsigned int width = x->incoming.machine.layout->width;
	unsigned int xen_first, xen_count;
	int rc = 0;

	x->demands[pfn].reaches_top = false;
	xen_slots(width, level, &xen_first, &xen_count);
	for (unsigned int slot = 0; !rc && slot < TABLE_SLOTS; slot++) {
		uint64_t entry;

		memcpy(&entry, page + slot * sizeof(entry), sizeof(entry));
		if (slot - xen_first < xen_count && entry)
			rc = defect(x, pfn, slot, entry, TABLE_XEN_SLOT);
		else if (entry & PTE_PRESENT)
			rc = note(x, pfn, slot, level, entry);
		if (width == 4 && level == 2 && slot >= NARROW_L2_XEN_FIRST && entry)
			x->demands[pfn].reaches_top = true;
	}
	return rc;
}

static int check_way(const struct examination *x, uint64_t pfn, enum way way)
{
	const struct demand *demand = &x->demands[pfn];
	unsigned int level = way == AS_TABLE ? demand->level : 1;
	uint64_t entry = pfn << PAGE_BITS | PTE_PRESENT;
	enum table_defect what;

	if (way == TO_WRITE || (way == AS_TABLE && !demand->read_only))
		entry |= PTE_WRITABLE;
	if (!demand->slot[way])
		return 0;
	what = entry_defect(level, entry, x->incoming.type[pfn]);
	return what == TABLE_SOUND ? 0 : defect(x, demand->table[way], demand->slot[way] - 1, entry, what);
}

int demands_check(const struct examination *x)
{
	int rc = 0;

	for (uint64_t pfn = 0; !rc && pfn < x->incoming.count; pfn++)
		for (enum way way = AS_TABLE; !rc && way < WAYS; way++)
			rc = check_way(x, pfn, way);
	for (uint64_t pfn = 0; !rc && pfn < x->incoming.count; pfn++)
		if (x->demands[pfn].maps_top && x->demands[pfn].reaches_top)
			rc = fail(EBADMSG, "record %u: pfn %#lx, the level 2 of the top: an entry %s from slot %u on",
				  x->record_of[pfn], pfn, table_defect_text(TABLE_XEN_SLOT), NARROW_L2_XEN_FIRST);
	return rc;
}
