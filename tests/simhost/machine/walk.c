/*
 * The reference: page tables read anew at every access.
 */
#include <errno.h>

#include "dirty.h"
#include "frames.h"
#include "pte.h"
#include "walk.h"

static unsigned slot_of(uint64_t va, unsigned level)
{
	return va >> (12 + 9 * (level - 1)) & (SLOTS - 1);
}

/* Kernels of 64-bit guests run in ring 3 too: theirs are told by a bit of Xen's. */
static bool may_use(uint64_t entry, unsigned level, const struct walk *walk)
{
	if (!(entry & PTE_PRESENT) || entry & (level > 1 ? PTE_PSE : 0))
		return false;
	if (walk->user && !(entry & PTE_USER))
		return false;
	if (walk->user && level == 1 && !walk->is_32bit && entry & PTE_GUEST_KERNEL)
		return false;
	return true;
}

/* Which is a store to the guest's table, though the guest made none. */
static void set_bits(struct host *host, const struct walk *walk, uint64_t **entries, unsigned levels)
{
	for (unsigned level = 1; level <= levels; level++) {
		uint64_t bits = PTE_ACCESSED | (walk->write && level == 1 ? PTE_DIRTY : 0);

		if ((*entries[level] & bits) == bits)
			continue;
		__atomic_fetch_or(entries[level], bits, __ATOMIC_RELAXED);
		dirty_mark(host, walk->tables[level]);
	}
}

int walk_tables(struct host *host, uint64_t root, uint64_t va, struct walk *walk)
{
	unsigned levels = walk->is_32bit ? 3 : 4;
	uint64_t *entries[WALK_LEVELS + 1], tables[WALK_LEVELS + 1], mfn = root;

	walk->writable = true;
	for (unsigned level = levels; level; level--) {
		if (!frame_exists(host, mfn))
			return -EFAULT;
		tables[level] = mfn;
		entries[level] = (uint64_t *)host_page(host, mfn) + slot_of(va, level);
		if (!may_use(*entries[level], level, walk))
			return -EFAULT;
		if (level < 3 || !walk->is_32bit)
			walk->writable &= !!(*entries[level] & PTE_RW);
		mfn = pte_mfn(*entries[level]);
	}
	if (!frame_exists(host, mfn) || (walk->write && !walk->writable))
		return -EFAULT;
	walk->dirty = *entries[1] & PTE_DIRTY;
	walk->mfn = mfn;
	for (unsigned level = 1; level <= levels; level++)
		walk->tables[level] = tables[level];
	if (!walk->probe)
		set_bits(host, walk, entries, walk->is_32bit ? 2 : 4);
	return 0;
}
