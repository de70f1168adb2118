/* mfn -> pfn in one table. Mirror: pagetable-canon/localise.c */
#include "pagetable-canon/canon.h"

#include <string.h>

enum { AT_ONCE = INVERSE_MANY };

static bool set_fault(struct table_fault *fault, enum table_defect defect, unsigned int slot, uint64_t entry)
{
	*fault = (struct table_fault){ defect, slot, entry };
	return defect == TABLE_SOUND;
}

/*
 * The level 2 that maps a 32-bit guest's top has Xen's entries from slot 428
 * on, and only that one: Xen lets a guest put nothing but its own level-1
 * tables into a level 2, so a foreign frame there is Xen's.
 */
static unsigned int compat_l2_end(const uint64_t *table, const struct inverse *inverse)
{
	uint64_t entry = table[COMPAT_L2_XEN_FIRST];

	return entry & PTE_PRESENT && !inverse_has(inverse, pte_frame(entry)) ? COMPAT_L2_XEN_FIRST
									      : TABLE_SLOTS;
}

static enum table_defect canonicalise_entry(uint64_t *entry, unsigned int level, uint64_t pfn)
{
	if (!(*entry & PTE_PRESENT))
		return TABLE_SOUND;
	if (pfn == INVALID_FRAME)
		return TABLE_FOREIGN;
	if (level > 1 && *entry & PTE_SUPERPAGE)
		return TABLE_SUPERPAGE;
	*entry = pte_with_frame(*entry, pfn);
	return TABLE_SOUND;
}

/* Two entries, which the processor fetches with one instruction and each of them at once. */
typedef uint64_t entries_t __attribute__((vector_size(16), aligned(8), may_alias));

enum { PAIRS_AT_ONCE = AT_ONCE / 2 };

/*
 * From the page to our own, each entry once: the page may be the guest's, and
 * change. True if they all name frames of one group of the inverse's.
 */
static bool fetch(uint64_t to[AT_ONCE], const uint64_t from[AT_ONCE])
{
	const uint64_t mask = PTE_PRESENT | (PTE_FRAME_MASK & -(INVERSE_GROUP * PAGE_BYTES));
	const volatile entries_t *source = (const volatile entries_t *)from;
	entries_t *target = (entries_t *)to;
	const entries_t first = source[0];
	entries_t differences = { 0, first[0] ^ first[1] };

	target[0] = first;
#pragma GCC unroll 5
	for (unsigned int i = 1; i < PAIRS_AT_ONCE; i++) {
		const entries_t pair = source[i];

		target[i] = pair;
		differences |= pair ^ first;
	}
	return first[0] & PTE_PRESENT && !((differences[0] | differences[1]) & mask);
}

/* All of a group: if its pfns are in a row, all entries move by the same. False if they are not. */
static bool move_together(uint64_t entry[AT_ONCE], const struct inverse *inverse)
{
	uint64_t mfn = pte_frame(entry[0]), row = inverse_row(inverse, mfn);
	uint64_t way = (row - mfn / INVERSE_GROUP * INVERSE_GROUP) * PAGE_BYTES;
	entries_t *pair = (entries_t *)entry;

	if (row == NOT_IN_A_ROW)
		return false;
#pragma GCC unroll 8
	for (unsigned int i = 0; i < PAIRS_AT_ONCE; i++)
		pair[i] += way;
	return true;
}

static bool move_each(uint64_t entry[AT_ONCE], unsigned int level, const struct inverse *inverse,
		      unsigned int first_slot, struct table_fault *fault)
{
	uint64_t frame[AT_ONCE];

	for (unsigned int i = 0; i < AT_ONCE; i++)
		frame[i] = pte_frame(entry[i]);
	inverse_pfns(inverse, frame, AT_ONCE);
	for (unsigned int i = 0; i < AT_ONCE; i++) {
		enum table_defect defect = canonicalise_entry(&entry[i], level, frame[i]);

		if (defect != TABLE_SOUND)
			return set_fault(fault, defect, first_slot + i, entry[i]);
	}
	return true;
}

/* Those that are Xen's to zero. */
static void clear_xen_slots(uint64_t *to, unsigned int width, unsigned int level,
			    const struct inverse *inverse)
{
	unsigned int first, count;

	xen_slots(width, level, &first, &count);
	if (width == 4 && level == 2) {
		first = compat_l2_end(to, inverse);
		count = TABLE_SLOTS - first;
	}
	memset(to + first, 0, count * sizeof(*to));
}

bool canonicalise(uint64_t to[TABLE_SLOTS], const uint64_t from[TABLE_SLOTS], struct table_kind kind,
		  const struct inverse *inverse, struct table_fault *fault)
{
	uint64_t together = 0; /* a bit for each AT_ONCE entries */

	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot += 8)
		__builtin_prefetch(from + slot);
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot += AT_ONCE)
		together |= (uint64_t)fetch(to + slot, from + slot) << slot / AT_ONCE;
	if (kind.level > 1) {
		clear_xen_slots(to, kind.width, kind.level, inverse);
		together = 0; /* large pages are to be found */
	}
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot += AT_ONCE)
		if (!(together >> slot / AT_ONCE & 1 && move_together(to + slot, inverse)) &&
		    !move_each(to + slot, kind.level, inverse, slot, fault))
			return false;
	return true;
}
