/*
 * A table, a p2m and types -> canonicalise and localise, beside a plain
 * reading of what they shall do; and there and back again, in place too.
 * Tables lie in memory of exactly their size.
 */
#include <stdbool.h>

#include "fuzz.h"
#include "pagetable-canon/canon.h"

enum { PFNS_MOST = 256, FIRST_MFN = 0x40000 };

struct guest {
	unsigned int width, level;
	mfn_t mfn[PFNS_MOST];
	uint8_t type[PFNS_MOST];
	struct p2m p2m;
	struct inverse inverse;
};

static const uint8_t types[] = { 0, 0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2 };

/* Runs of frames side by side, as a real guest has; some pfns without. */
static void make_guest(struct guest *guest, struct input *in)
{
	uint8_t form = take8(in), step = take8(in);
	uint64_t mfn = FIRST_MFN;

	*guest = (struct guest){ .width = form & 1 ? 4 : 8 };
	guest->level = 1 + (form >> 1) % (guest->width == 4 ? 3 : 4);
	guest->p2m = (struct p2m){ .layout = layout_of(guest->width),
				   .mfn = guest->mfn,
				   .type = guest->type,
				   .count = 1 + take8(in) };
	for (uint64_t pfn = 0; pfn < guest->p2m.count; pfn++) {
		uint8_t kind = pfn < 32 ? take8(in) : 0;

		mfn += kind & 0x80 || pfn % 8 == 7 ? 1 + step * 37 : 1;
		guest->type[pfn] = types[kind % sizeof(types)];
		guest->mfn[pfn] = MFN(guest->type[pfn] == FRAME_XTAB ? INVALID_FRAME : mfn ^ (form >> 7));
	}
}

/* Runs of entries: the guest's frames, its pfns as in a stream, foreign ones; where they start, how many. */
static uint64_t *make_table(const struct guest *guest, struct input *in)
{
	uint64_t *table = calloc(TABLE_SLOTS, sizeof(*table));

	while (in->left) {
		uint8_t kind = take8(in), pfn = take8(in), count = take8(in), flags = take8(in);
		unsigned int slot = take16(in) % TABLE_SLOTS;
		uint64_t entry = kind & 1 ? take64(in) : 0;

		for (unsigned int i = 0; i <= count % 64 && slot < TABLE_SLOTS; i++, slot++) {
			uint64_t mfn = guest->mfn[(pfn + i) % guest->p2m.count].n;
			uint64_t frame = kind & 2 ? pfn + i : kind & 4 ? mfn + (1 << 20) : mfn;

			table[slot] = entry ? entry : frame << PAGE_BITS | flags;
		}
	}
	return table;
}

/* --- what shall come out --------------------------------------------------- */

static uint64_t pfn_of(const struct guest *guest, uint64_t mfn)
{
	for (uint64_t pfn = 0; pfn < guest->p2m.count; pfn++)
		if (guest->mfn[pfn].n == mfn)
			return pfn;
	return INVALID_FRAME;
}

static bool is_xens(const struct guest *guest, const uint64_t *table, unsigned int slot)
{
	uint64_t top = table[COMPAT_L2_XEN_FIRST];

	if (guest->width == 8)
		return guest->level == 4 && slot >= 256 && slot <= 271;
	if (guest->level == 3)
		return slot > 3;
	return guest->level == 2 && slot >= COMPAT_L2_XEN_FIRST && top & PTE_PRESENT &&
	       pfn_of(guest, pte_frame(top)) == INVALID_FRAME;
}

static enum table_defect canonical(const struct guest *guest, const uint64_t *table, unsigned int slot,
				   uint64_t *entry)
{
	uint64_t pfn = pfn_of(guest, pte_frame(table[slot]));

	*entry = is_xens(guest, table, slot) ? 0 : table[slot];
	if (!(*entry & PTE_PRESENT))
		return TABLE_SOUND;
	if (pfn == INVALID_FRAME)
		return TABLE_FOREIGN;
	*entry = (*entry & ~PTE_FRAME_MASK) | pfn << PAGE_BITS;
	return guest->level > 1 && *entry & PTE_SUPERPAGE ? TABLE_SUPERPAGE : TABLE_SOUND;
}

/* As man/pvferry-image.5 has it, "CHECKING". */
static bool may_name(const struct guest *guest, uint64_t entry, uint64_t pfn)
{
	unsigned int type = guest->type[pfn], named = type < 13 ? type & 7 : 0;
	bool writable = entry & PTE_WRITABLE || (guest->width == 4 && guest->level == 3);

	if (type == 13 || type == 15)
		return false;
	if (guest->level == 1)
		return !named || !writable;
	return named == guest->level - 1 || (named == guest->level && !writable);
}

/* --- expectations ---------------------------------------------------------- */

static bool expect_canonical(const struct guest *guest, const uint64_t *table, uint64_t *to)
{
	struct table_fault fault = { 0 };
	bool done = canonicalise(to, table, (struct table_kind){ guest->width, guest->level },
				 &guest->inverse, &fault);
	unsigned int end = done ? TABLE_SLOTS : fault.slot;
	uint64_t entry;

	expect(done || fault.slot < TABLE_SLOTS);
	for (unsigned int slot = 0; slot < end; slot++) {
		expect(canonical(guest, table, slot, &entry) == TABLE_SOUND);
		expect(to[slot] == entry);
	}
	if (done)
		return true;
	expect(canonical(guest, table, fault.slot, &entry) == fault.defect);
	expect(fault.entry == table[fault.slot] && *table_defect_text(fault.defect));
	return false;
}

static bool expect_local(const struct guest *guest, const uint64_t *table, uint64_t *to)
{
	struct destination destination = { guest->mfn, guest->type, guest->p2m.count };
	struct table_fault fault = { 0 };
	bool done = localise(to, table, (struct table_kind){ guest->width, guest->level }, &destination,
			     &fault);
	unsigned int end = done ? TABLE_SLOTS : fault.slot + 1;

	expect(done || (fault.slot < TABLE_SLOTS && fault.entry == table[fault.slot]));
	for (unsigned int slot = 0; slot < end; slot++) {
		uint64_t entry = table[slot], pfn = pte_frame(entry);
		bool is_fine = !(entry & PTE_PRESENT) ||
			       (pfn < guest->p2m.count && !(guest->level > 1 && entry & PTE_SUPERPAGE) &&
				may_name(guest, entry, pfn));

		if ((guest->width == 8 && guest->level == 4 && slot / 16 == 16) ||
		    (guest->width == 4 && guest->level == 3 && slot > 3))
			is_fine = !entry;
		expect(is_fine == (done || slot < fault.slot));
		if (is_fine && entry & PTE_PRESENT)
			entry = (entry & ~PTE_FRAME_MASK) | guest->mfn[pfn].n << PAGE_BITS;
		expect(!is_fine || to[slot] == entry);
	}
	return done;
}

static uint64_t *copy_of(const uint64_t *table)
{
	return memcpy(malloc(PAGE_BYTES), table, PAGE_BYTES);
}

static void expect_in_place(const struct guest *guest, const uint64_t *table, const uint64_t *canonical_table)
{
	struct destination destination = { guest->mfn, guest->type, guest->p2m.count };
	uint64_t *page = copy_of(table);
	struct table_fault fault;

	expect(canonicalise(page, page, (struct table_kind){ guest->width, guest->level }, &guest->inverse,
			    &fault));
	expect(!memcmp(page, canonical_table, PAGE_BYTES));
	expect(localise(page, page, (struct table_kind){ guest->width, guest->level }, &destination, &fault));
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
		expect(page[slot] == (is_xens(guest, table, slot) ? 0 : table[slot]));
	free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct input in = { data, count };
	static struct guest guest;
	uint64_t *table, *canonical_table = malloc(PAGE_BYTES), *local = malloc(PAGE_BYTES);

	make_guest(&guest, &in);
	table = make_table(&guest, &in);
	fail_forget();
	expect_reason(inverse_init(&guest.inverse, &guest.p2m));
	if (!*fail_reason() && expect_canonical(&guest, table, canonical_table) &&
	    expect_local(&guest, canonical_table, local))
		expect_in_place(&guest, table, canonical_table);
	/* From a stream, anything at all. */
	expect_local(&guest, table, local);
	inverse_release(&guest.inverse);
	free(table);
	free(canonical_table);
	free(local);
	return 0;
}
