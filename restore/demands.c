/*
 * See demands.h. In: each page table, in any order. Out: the first contradiction between what entries ask of a pfn and
 * what it is. Xen makes the same checks when it pins the tables, but says only EINVAL, and not before a whole domain is
 * built. The trap: rules of 32-bit guests, whose level 3 has entries without a writable bit, and whose top level 2 has
 * Xen's entries at its end.
 */
#include "restore/demands.h"

#include <errno.h>
#include <string.h>

#include "log.h"

static int defect(const struct examination *x, uint64_t table, unsigned int slot, uint64_t entry,
		  enum table_defect what)
{
	return fail(EBADMSG, "record %u: pfn %#lx, a page table of level %u: slot %u (%#lx) %s",
		    x->record_of[table], table, frame_level(x->incoming.type[table]), slot, entry,
		    table_defect_text(what));
}

static void remember(struct demand *demand, enum way way, uint64_t table, unsigned int slot, bool writable)
{
	demand->table[way] = table;
	demand->slot[way] = slot + 1;
	if (writable)
		demand->writable |= 1u << way;
	else
		demand->writable &= ~(1u << way);
}

static bool asked_to_write(const struct demand *demand, enum way way)
{
	return demand->writable >> way & 1;
}

/*
 * An entry of level L names a table of level L - 1. Read-only it may name one of its own level, too: a linear page table,
 * which Xen allows. Each entry moves one of two bounds; they must not cross.
 */
static bool bound_levels(struct demand *demand, uint64_t table, unsigned int slot, unsigned int level,
			 bool writable)
{
	unsigned int least = level - 1, most = writable ? level - 1 : level;

	if (!demand->slot[AT_LEAST] || least > demand->level[AT_LEAST]) {
		demand->level[AT_LEAST] = least;
		remember(demand, AT_LEAST, table, slot, writable);
	}
	if (!demand->slot[AT_MOST] || most < demand->level[AT_MOST]) {
		demand->level[AT_MOST] = most;
		remember(demand, AT_MOST, table, slot, writable);
	}
	return demand->level[AT_LEAST] <= demand->level[AT_MOST];
}

static int demand_note(struct examination *x, uint64_t table, unsigned int slot, unsigned int level,
		       uint64_t entry)
{
	unsigned int width = x->incoming.machine.layout->width;
	bool writable = entry_judged(width, level, entry) & PTE_WRITABLE;
	struct demand *demand;

	if (pte_frame(entry) >= x->incoming.count)
		return defect(x, table, slot, entry, TABLE_NO_PFN);
	if (level > 1 && entry & PTE_SUPERPAGE)
		return defect(x, table, slot, entry, TABLE_SUPERPAGE);
	/*
	 * Whatever its own level is: that this pfn serves as the top is known only when its level 2 has come as well.
	 */
	demand = &x->demands[pte_frame(entry)];
	demand->maps_top |= width == 4 && level == 3 && slot == 3;
	if (level > 1)
		return bound_levels(demand, table, slot, level, writable)
			     ? 0
			     : defect(x, table, slot, entry, TABLE_WRONG_LEVEL);
	/* A writable entry asks for more than any number of read-only ones. */
	if (!demand->slot[AS_PAGE] || (writable && !asked_to_write(demand, AS_PAGE)))
		remember(demand, AS_PAGE, table, slot, writable);
	return 0;
}

int demands_note(struct examination *x, uint64_t pfn, unsigned int level, const uint8_t *page)
{
	unsigned int width = x->incoming.machine.layout->width;
	unsigned int xen_first, xen_count;
	int rc = 0;

	/* The table may have come before: what it was then does not count. */
	x->demands[pfn].reaches_top = false;
	xen_slots(width, level, &xen_first, &xen_count);
	for (unsigned int slot = 0; !rc && slot < TABLE_SLOTS; slot++) {
		uint64_t entry;

		memcpy(&entry, page + slot * sizeof(entry), sizeof(entry));
		if (slot - xen_first < xen_count && entry)
			rc = defect(x, pfn, slot, entry, TABLE_XEN_SLOT);
		else if (entry & PTE_PRESENT)
			rc = demand_note(x, pfn, slot, level, entry);
		if (width == 4 && level == 2 && slot >= COMPAT_L2_XEN_FIRST && entry)
			x->demands[pfn].reaches_top = true;
	}
	return rc;
}

/* AS_PAGE: only a writable entry asks for something, that the pfn is no table: Xen lets no guest write to one. */
static int check_way(const struct examination *x, uint64_t pfn, enum way way)
{
	const struct demand *demand = &x->demands[pfn];
	unsigned int type = x->incoming.type[pfn], level = frame_level(type);
	bool writable = asked_to_write(demand, way);
	enum table_defect what = TABLE_SOUND;

	if (!demand->slot[way])
		return 0;
	if (!frame_is_populated(type))
		what = TABLE_NO_FRAME;
	else if (way == AT_LEAST ? level < demand->level[way] : way == AT_MOST && level > demand->level[way])
		what = TABLE_WRONG_LEVEL;
	else if (way == AS_PAGE && writable && level)
		what = TABLE_WRITABLE;
	return what == TABLE_SOUND
		     ? 0
		     : defect(x, demand->table[way], demand->slot[way] - 1,
			      pfn << PAGE_BITS | PTE_PRESENT | (writable ? PTE_WRITABLE : 0), what);
}

int demands_check(const struct examination *x)
{
	int rc = 0;

	for (uint64_t pfn = 0; !rc && pfn < x->incoming.count; pfn++)
		for (enum way way = 0; !rc && way < WAYS; way++)
			rc = check_way(x, pfn, way);
	/*
	 * Slots from COMPAT_L2_XEN_FIRST on are Xen's in the one level 2 that maps the top, and the guest's in all
	 * others.
	 */
	for (uint64_t pfn = 0; !rc && pfn < x->incoming.count; pfn++)
		if (x->demands[pfn].maps_top && x->demands[pfn].reaches_top)
			rc = fail(EBADMSG,
				  "record %u: pfn %#lx, the level 2 of the top: an entry %s from slot %u on",
				  x->record_of[pfn], pfn, table_defect_text(TABLE_XEN_SLOT),
				  COMPAT_L2_XEN_FIRST);
	return rc;
}
