/*
 * Validation of page tables, as Xen's PV memory manager does it: bits, owner and
 * type of everything an entry names, before hardware can see the entry.
 */
#include <errno.h>
#include <string.h>

#include "dirty.h"
#include "domain.h"
#include "frames.h"
#include "pte.h"
#include "shadow.h"
#include "tables.h"
#include "types.h"

static const struct domain *owner_of(struct host *host, uint64_t mfn)
{
	return domain_find_any(host, host->frames[mfn].owner);
}

bool table_slot_is_guests(const struct host *host, uint64_t mfn, unsigned slot)
{
	switch (host->frames[mfn].type) {
	case FRAME_L4: return slot < L4_XEN_FIRST || slot > L4_XEN_LAST;
	case FRAME_L2_XEN: return slot < PAE_L2_XEN_FIRST;
	}
	return true;
}

int mapping_get(struct host *host, uint64_t mfn, bool writable, const struct domain *owner)
{
	if (mfn == PTE_FRAME >> 12)
		return -EINVAL;
	if (!frame_exists(host, mfn))
		return -EPERM;
	if (frame_get(host, mfn, owner))
		return -EBUSY;
	if (writable && frame_get_type(host, mfn, FRAME_WRITABLE)) {
		frame_put(host, mfn);
		return -EBUSY;
	}
	return 0;
}

void mapping_put(struct host *host, uint64_t mfn, bool writable)
{
	if (writable)
		frame_put_type(host, mfn);
	frame_put(host, mfn);
}

/* What the entry in that slot has to name. */
static enum frame_type wanted_type(unsigned level, unsigned slot, bool is_32bit)
{
	if (level == 3 && is_32bit && slot == PAE_L3_SLOTS - 1)
		return FRAME_L2_XEN;
	return level - 1;
}

static int entry_get(struct host *host, unsigned level, unsigned slot, uint64_t entry,
		     const struct domain *table_owner, const struct domain *owner)
{
	bool is_32bit = table_owner->is_32bit;

	if (entry & pte_refused(level, is_32bit))
		return -EINVAL;
	if (level == 1)
		return mapping_get(host, pte_mfn(entry), entry & PTE_RW, owner);
	return frame_get_as(host, pte_mfn(entry), wanted_type(level, slot, is_32bit), owner);
}

static void entry_put(struct host *host, unsigned level, uint64_t entry)
{
	if (!(entry & PTE_PRESENT))
		return;
	if (level == 1)
		mapping_put(host, pte_mfn(entry), entry & PTE_RW);
	else
		frame_put_as(host, pte_mfn(entry));
}

static void fill_l4_xen_slots(struct host *host, uint64_t *slots)
{
	for (unsigned slot = L4_XEN_FIRST; slot <= L4_XEN_LAST; slot++)
		slots[slot] = pte_make(host->machine->xen_tables,
				       PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY);
}

static void fill_l2_xen_slots(struct host *host, uint64_t *slots)
{
	uint64_t nr = host->machine->compat_m2p_frames / SLOTS;

	for (unsigned i = 0; i < SLOTS - PAE_L2_XEN_FIRST; i++)
		slots[PAE_L2_XEN_FIRST + i] = i >= nr ? 0
						      : pte_make(host->machine->compat_m2p + i * SLOTS,
								 PTE_PRESENT | PTE_USER | PTE_ACCESSED |
									 PTE_PSE);
}

static void fill_xen_slots(struct host *host, uint64_t mfn)
{
	if (host->frames[mfn].type == FRAME_L4)
		fill_l4_xen_slots(host, host_page(host, mfn));
	else if (host->frames[mfn].type == FRAME_L2_XEN)
		fill_l2_xen_slots(host, host_page(host, mfn));
}

/* The fourth level 2 of a 32-bit guest must be there and hang from one level 3 only. */
static int check_pae_top(struct host *host, const uint64_t *slots)
{
	if (!(slots[PAE_L3_SLOTS - 1] & PTE_PRESENT))
		return -EINVAL;
	return host->frames[pte_mfn(slots[PAE_L3_SLOTS - 1])].type_refs == 1 ? 0 : -EINVAL;
}

static void put_slots_below(struct host *host, uint64_t mfn, unsigned end)
{
	unsigned level = frame_level(host->frames[mfn].type);
	const uint64_t *slots = host_page(host, mfn);

	for (unsigned slot = 0; slot < end; slot++)
		if (table_slot_is_guests(host, mfn, slot))
			entry_put(host, level, slots[slot]);
}

static void forget_pae_bits(uint64_t *slots)
{
	for (unsigned slot = 0; slot < PAE_L3_SLOTS; slot++)
		if (slots[slot] & PTE_PRESENT)
			slots[slot] &= ~(PTE_USER | PTE_RW | PTE_ACCESSED);
}

static bool is_pae_top(const struct domain *owner, unsigned level)
{
	return level == 3 && owner->is_32bit;
}

int table_promote(struct host *host, uint64_t mfn)
{
	const struct domain *owner = owner_of(host, mfn);
	unsigned level = frame_level(host->frames[mfn].type), slot;
	uint64_t *slots = host_page(host, mfn);
	int err = 0;

	if (is_pae_top(owner, level))
		memset(slots + PAE_L3_SLOTS, 0, (SLOTS - PAE_L3_SLOTS) * 8);
	for (slot = 0; slot < SLOTS && !err; slot++) {
		if (!table_slot_is_guests(host, mfn, slot) || !(slots[slot] & PTE_PRESENT))
			continue;
		err = entry_get(host, level, slot, slots[slot], owner, owner);
		if (!err)
			slots[slot] = pte_adjust(slots[slot], level, owner->is_32bit);
	}
	if (err) {
		put_slots_below(host, mfn, slot - 1);
	} else if (is_pae_top(owner, level)) {
		err = check_pae_top(host, slots);
		if (err)
			put_slots_below(host, mfn, SLOTS);
	}
	if (err && is_pae_top(owner, level))
		forget_pae_bits(slots);
	if (!err)
		fill_xen_slots(host, mfn);
	return err;
}

void table_demote(struct host *host, uint64_t mfn)
{
	shadow_table_changes(host, mfn);
	put_slots_below(host, mfn, SLOTS);
	if (is_pae_top(owner_of(host, mfn), frame_level(host->frames[mfn].type)))
		forget_pae_bits(host_page(host, mfn));
}

/* Same frame, same rights: the entry may be stored without counting anything. */
static bool same_mapping(uint64_t old, uint64_t new)
{
	uint64_t matters = PTE_FRAME | PTE_PRESENT | PTE_RW;

	return !((old ^ new) & matters);
}

int table_update(struct host *host, uint64_t mfn, unsigned slot, uint64_t entry, bool keep_ad,
		 const struct domain *owner)
{
	const struct domain *table_owner = owner_of(host, mfn);
	unsigned level = frame_level(host->frames[mfn].type);
	uint64_t *where = (uint64_t *)host_page(host, mfn) + slot;
	uint64_t old = *where;
	int err;

	if (!table_slot_is_guests(host, mfn, slot))
		return -EPERM;
	if (is_pae_top(table_owner, level) && slot >= PAE_L3_SLOTS - 1)
		return -EINVAL;
	if (entry & PTE_PRESENT) {
		if (entry & pte_refused(level, table_owner->is_32bit))
			return -EINVAL;
		entry = pte_adjust(entry, level, table_owner->is_32bit);
		err = same_mapping(old, entry) ? 0 : entry_get(host, level, slot, entry, table_owner, owner);
		if (err)
			return err;
	}
	if (keep_ad)
		entry |= old & (PTE_ACCESSED | PTE_DIRTY);
	__atomic_store_n(where, entry, __ATOMIC_RELEASE);
	shadow_table_changes(host, mfn);
	dirty_mark(host, mfn);
	if (!((old & PTE_PRESENT) && (entry & PTE_PRESENT) && same_mapping(old, entry)))
		entry_put(host, level, old);
	return 0;
}
