/*
 * pagetable-canon/: to pfns and back is as if nothing had happened, at every
 * level of both widths; whatever is wrong with an entry is named, with its slot.
 */
#include "unit.h"

#include "p2m/inverse.h"
#include "pagetable-canon/canon.h"

/* Two extents of the host: 512 frames in a row, and 512 of which two have changed places. */
enum { ROW = 4000, NO_ROW = ROW + 512, PFNS = NO_ROW + 512, ROW_MFN = 0xc8000, HOST = 1 << 20 };

static const struct {
	unsigned int width, level;
} kinds[] = {
	{ 8, 1 }, { 8, 2 }, { 8, 3 }, { 8, 4 }, { 4, 1 }, { 4, 2 }, { 4, 3 },
};

static struct p2m p2m;
static struct inverse inverse;
static struct destination destination;
static uint64_t from[TABLE_SLOTS], canonical[TABLE_SLOTS], to[TABLE_SLOTS];
static struct table_fault fault;

/* Pfns 0-499 are ordinary pages, 500-999 tables of level 4, from 1000 on a thousand of each level from 1 to 3, then pages. */
static unsigned int type_of(uint64_t pfn)
{
	return pfn >= ROW ? FRAME_NOTAB : pfn >= 1000 ? pfn / 1000 : pfn >= 500 ? FRAME_L4 : FRAME_NOTAB;
}

static int setup(void **state)
{
	uint64_t random = 1;

	(void)state;
	p2m = (struct p2m){ .count = PFNS, .mfn = calloc(PFNS, sizeof(mfn_t)), .type = calloc(PFNS, 1) };
	for (uint64_t pfn = 0; pfn < PFNS; pfn++) {
		/* Scattered, each frame once: in every 200 frames of the host one of the first 64. */
		p2m.mfn[pfn] = pfn >= ROW ? MFN(ROW_MFN + pfn - ROW)
					  : MFN(1 + pfn * 7919 % ROW * 200 + next_random(&random) % 64);
		p2m.type[pfn] = type_of(pfn);
	}
	p2m.mfn[NO_ROW + 100] = MFN(ROW_MFN + 512 + 101);
	p2m.mfn[NO_ROW + 101] = MFN(ROW_MFN + 512 + 100);
	p2m.mfn[17] = MFN(INVALID_FRAME);
	p2m.type[17] = FRAME_XTAB;
	destination = (struct destination){ p2m.mfn, p2m.type, PFNS };
	assert_done(inverse_init(&inverse, &p2m));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	inverse_release(&inverse);
	free(p2m.mfn);
	free(p2m.type);
	return 0;
}

static uint64_t entry_of(uint64_t pfn, uint64_t flags)
{
	return p2m.mfn[pfn].n << PAGE_BITS | PTE_PRESENT | flags;
}

/* Some pfn that a table of this level may name. */
static uint64_t some_pfn(unsigned int level, uint64_t *random)
{
	return level > 1 ? (level - 1) * 1000 + next_random(random) % 1000 : 100 + next_random(random) % 400;
}

/* Present entries with all kinds of flags, non-present ones with anything in them. */
static void fill(unsigned int level, uint64_t *random)
{
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		uint64_t flags = next_random(random) & 0xfff0000000000e7e;
		uint64_t kind = next_random(random) % 4;

		from[slot] = kind == 0 ? 0
			   : kind == 1 ? next_random(random) & ~PTE_PRESENT
				       : entry_of(some_pfn(level, random), flags | PTE_WRITABLE);
	}
}

static bool canonicalise_it(unsigned int width, unsigned int level)
{
	return canonicalise(canonical, from, (struct table_kind){ width, level }, &inverse, &fault);
}

static bool localise_it(unsigned int width, unsigned int level)
{
	return localise(to, canonical, (struct table_kind){ width, level }, &destination, &fault);
}

static bool is_xens(unsigned int width, unsigned int level, unsigned int slot)
{
	return (width == 8 && level == 4 && slot >= 256 && slot < 272) ||
	       (width == 4 && level == 3 && slot >= 4);
}

static void there_and_back_is_identity(void **state)
{
	uint64_t random = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(kinds) * 20; i++) {
		unsigned int width = kinds[i / 20].width, level = kinds[i / 20].level;

		fill(level, &random);
		for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
			if (is_xens(width, level, slot))
				from[slot] = (uint64_t)HOST << PAGE_BITS | PTE_PRESENT | PTE_SUPERPAGE;
		assert_true(canonicalise_it(width, level));
		assert_true(localise_it(width, level));
		for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
			if (to[slot] != (is_xens(width, level, slot) ? 0 : from[slot]))
				fail_test("width %u level %u slot %u: %#lx, not %#lx", width, level, slot,
					  to[slot], from[slot]);
	}
}

static void check_level_1(void)
{
	assert_true(canonicalise_it(8, 1));
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		uint64_t pfn = inverse_pfn_once(&inverse, pte_frame(from[slot]));

		if (from[slot] & PTE_PRESENT && canonical[slot] != pte_with_frame(from[slot], pfn))
			fail_test("slot %u: %#lx became %#lx", slot, from[slot], canonical[slot]);
		if (!(from[slot] & PTE_PRESENT))
			assert_int_equal(canonical[slot], from[slot]);
	}
	assert_true(localise_it(8, 1));
	assert_memory_equal(to, from, sizeof(to));
}

/* Tables whose entries are all of one extent, in any order; and those where one entry is not. */
static void extents_are_moved_together(void **state)
{
	uint64_t random = 11;

	(void)state;
	for (unsigned int round = 0; round < 400; round++) {
		unsigned int first = round % 2 ? ROW : NO_ROW, odd = next_random(&random) % TABLE_SLOTS;

		for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
			from[slot] = entry_of(first + (round % 3 ? slot : next_random(&random) % 512),
					      next_random(&random) & 0xfff0000000000ffe);
		check_level_1();
		from[odd] = entry_of(100, 0);
		check_level_1();
		from[odd] = next_random(&random) & ~PTE_PRESENT;
		check_level_1();
		from[odd] = entry_of(first, 0) & ~PTE_PRESENT;
		check_level_1();
		from[odd] = (uint64_t)HOST << PAGE_BITS | PTE_PRESENT;
		assert_false(canonicalise_it(8, 1));
		assert_int_equal(fault.defect, TABLE_FOREIGN);
		assert_int_equal(fault.slot, odd);
		assert_int_equal(fault.entry, from[odd]);
	}
}

/* Above level 1 every entry is looked at all the same. */
static void large_pages_are_found_among_extents(void **state)
{
	(void)state;
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
		from[slot] = entry_of(ROW + slot, 0);
	assert_true(canonicalise_it(8, 2));
	from[300] |= PTE_SUPERPAGE;
	assert_true(canonicalise_it(8, 1));
	assert_false(canonicalise_it(8, 2));
	assert_int_equal(fault.defect, TABLE_SUPERPAGE);
	assert_int_equal(fault.slot, 300);
}

static void canonical_tables_name_pfns_and_keep_flags(void **state)
{
	(void)state;
	memset(from, 0, sizeof(from));
	from[0] = entry_of(123, 0x8000000000000067);
	from[511] = entry_of(124, PTE_SUPERPAGE); /* at level 1 this is the PAT bit */
	assert_true(canonicalise_it(8, 1));
	assert_int_equal(canonical[0], 0x800000000007b067);
	assert_int_equal(canonical[511], 0x7c081);
	assert_int_equal(canonical[1], 0);
}

static void slots_of_xen_are_zero(void **state)
{
	(void)state;
	memset(from, 0, sizeof(from));
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
		if (is_xens(8, 4, slot))
			from[slot] = (uint64_t)(HOST + slot) << PAGE_BITS | PTE_PRESENT;
	assert_true(canonicalise_it(8, 4));
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
		assert_int_equal(canonical[slot], 0);
	/* At any other level there are no such slots. */
	assert_false(canonicalise_it(8, 3));
	assert_int_equal(fault.defect, TABLE_FOREIGN);
	assert_int_equal(fault.slot, 256);
}

static void xens_slots_end_where_they_end(void **state)
{
	(void)state;
	for (unsigned int slot = 255; slot <= 272; slot += 17) {
		memset(from, 0, sizeof(from));
		from[slot] = (uint64_t)HOST << PAGE_BITS | PTE_PRESENT;
		assert_false(canonicalise_it(8, 4));
		assert_int_equal(fault.slot, slot);
		memset(canonical, 0, sizeof(canonical));
		canonical[slot] = 3500ULL << PAGE_BITS | PTE_PRESENT;
		assert_true(localise_it(8, 4));
	}
}

/* The level 2 that a 32-bit guest's top slot names carries Xen's entries from 428 on, others do not. */
static void compat_l2_with_xens_part(void **state)
{
	uint64_t random = 7;

	(void)state;
	fill(2, &random);
	for (unsigned int slot = 428; slot < TABLE_SLOTS; slot++)
		from[slot] = (uint64_t)(HOST + slot) << PAGE_BITS | PTE_PRESENT;
	assert_true(canonicalise_it(4, 2));
	assert_true(localise_it(4, 2));
	assert_memory_equal(to, from, 428 * sizeof(*from));
	for (unsigned int slot = 428; slot < TABLE_SLOTS; slot++)
		assert_int_equal(canonical[slot], 0);
	from[427] = (uint64_t)HOST << PAGE_BITS | PTE_PRESENT;
	assert_false(canonicalise_it(4, 2));
	assert_int_equal(fault.slot, 427);
	/* A guest's own entry in 428: then the rest is the guest's, too. */
	from[427] = 0;
	from[428] = entry_of(1500, 0);
	assert_false(canonicalise_it(4, 2));
	assert_int_equal(fault.slot, 429);
}

/* --- defects -------------------------------------------------------------- */

static void canonicalise_names_defects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		unsigned int level = kinds[i].level, slot = level == 3 && kinds[i].width == 4 ? 3 : 300;
		uint64_t foreign = (uint64_t)HOST << PAGE_BITS | PTE_PRESENT;

		memset(from, 0, sizeof(from));
		from[slot] = foreign;
		assert_false(canonicalise_it(kinds[i].width, level));
		assert_int_equal(fault.defect, TABLE_FOREIGN);
		assert_int_equal(fault.slot, slot);
		assert_int_equal(fault.entry, foreign);
		from[slot] = entry_of(1000, PTE_SUPERPAGE);
		assert_int_equal(canonicalise_it(kinds[i].width, level), level == 1);
		if (level > 1)
			assert_int_equal(fault.defect, TABLE_SUPERPAGE);
		from[slot] = foreign & ~PTE_PRESENT;
		assert_true(canonicalise_it(kinds[i].width, level));
		assert_int_equal(canonical[slot], from[slot]);
	}
}

static void tables_are_localised_in_place(void **state)
{
	uint64_t random = 3;

	(void)state;
	fill(3, &random);
	assert_true(canonicalise_it(8, 3));
	assert_true(localise(canonical, canonical, (struct table_kind){ 8, 3 }, &destination, &fault));
	assert_memory_equal(canonical, from, sizeof(from));
}

static void every_defect_has_words(void **state)
{
	(void)state;
	for (int defect = TABLE_SOUND; defect <= TABLE_XEN_SLOT; defect++) {
		assert_non_null(table_defect_text(defect));
		for (int other = TABLE_SOUND; other < defect; other++)
			assert_string_not_equal(table_defect_text(defect), table_defect_text(other));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(there_and_back_is_identity),
		TEST(extents_are_moved_together),
		TEST(large_pages_are_found_among_extents),
		TEST(canonical_tables_name_pfns_and_keep_flags),
		TEST(slots_of_xen_are_zero),
		TEST(xens_slots_end_where_they_end),
		TEST(compat_l2_with_xens_part),
		TEST(canonicalise_names_defects),
		TEST(tables_are_localised_in_place),
		TEST(every_defect_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
