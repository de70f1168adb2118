/* pagetable-canon/localise.c: whatever is wrong with an entry that names a pfn is told, with its slot. */
#include "unit.h"

#include "pagetable-canon/canon.h"

enum { PFNS = 4000, HOLE = 17 };

static const struct {
	unsigned int width, level;
} kinds[] = {
	{ 8, 1 }, { 8, 2 }, { 8, 3 }, { 8, 4 }, { 4, 1 }, { 4, 2 }, { 4, 3 },
};

static mfn_t mfn[PFNS];
static uint8_t type[PFNS];
static const struct destination destination = { mfn, type, PFNS };
static uint64_t canonical[TABLE_SLOTS], to[TABLE_SLOTS];
static struct table_fault fault;

/* Pfns 0-499 are ordinary pages, 500-999 tables of level 4, from 1000 on a thousand of each level from 1 to 3. */
static int setup(void **state)
{
	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++) {
		mfn[pfn] = MFN(pfn * 7);
		type[pfn] = pfn >= 1000 ? pfn / 1000 : pfn >= 500 ? FRAME_L4 : FRAME_NOTAB;
	}
	type[HOLE] = FRAME_XTAB;
	return 0;
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

static void check_localise(unsigned int width, unsigned int level, uint64_t entry, enum table_defect defect)
{
	unsigned int slot = width == 4 && level == 3 ? 2 : 200;

	memset(canonical, 0, sizeof(canonical));
	canonical[slot] = entry;
	assert_int_equal(localise_it(width, level), defect == TABLE_SOUND);
	if (defect == TABLE_SOUND)
		return;
	assert_int_equal(fault.defect, defect);
	assert_int_equal(fault.slot, slot);
	assert_int_equal(fault.entry, entry);
}

static uint64_t pfn_entry(uint64_t pfn, uint64_t flags)
{
	return pfn << PAGE_BITS | PTE_PRESENT | flags;
}

static void localise_names_defects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		unsigned int width = kinds[i].width, level = kinds[i].level;

		check_localise(width, level, pfn_entry(PFNS, 0), TABLE_NO_PFN);
		check_localise(width, level, pfn_entry(PTE_FRAME_MASK >> PAGE_BITS, 0), TABLE_NO_PFN);
		check_localise(width, level, pfn_entry(HOLE, 0), TABLE_NO_FRAME);
		check_localise(width, level, pfn_entry(PFNS, 0) & ~PTE_PRESENT, TABLE_SOUND);
		if (level == 1)
			continue;
		check_localise(width, level, pfn_entry(1000 * (level - 1), PTE_SUPERPAGE), TABLE_SUPERPAGE);
		check_localise(width, level, pfn_entry(1000 * (level - 1), PTE_WRITABLE), TABLE_SOUND);
		check_localise(width, level, pfn_entry(100, 0), TABLE_WRONG_LEVEL);
		if (level > 2)
			check_localise(width, level, pfn_entry(1000 * (level - 2), 0), TABLE_WRONG_LEVEL);
	}
}

static void level_1_reads_tables_but_does_not_write_them(void **state)
{
	(void)state;
	for (unsigned int level = 1; level <= 3; level++) {
		check_localise(8, 1, pfn_entry(1000 * level, 0), TABLE_SOUND);
		check_localise(8, 1, pfn_entry(1000 * level, PTE_WRITABLE), TABLE_WRITABLE);
	}
	check_localise(8, 1, pfn_entry(700, PTE_WRITABLE), TABLE_WRITABLE);
	check_localise(8, 1, pfn_entry(100, PTE_WRITABLE), TABLE_SOUND);
	type[1000] |= FRAME_PINNED;
	check_localise(8, 1, pfn_entry(1000, PTE_WRITABLE), TABLE_WRITABLE);
	check_localise(8, 2, pfn_entry(1000, PTE_WRITABLE), TABLE_SOUND);
}

static void linear_tables_are_read_only(void **state)
{
	(void)state;
	check_localise(8, 4, pfn_entry(700, 0), TABLE_SOUND);
	check_localise(8, 4, pfn_entry(700, PTE_WRITABLE), TABLE_WRONG_LEVEL);
	check_localise(8, 2, pfn_entry(2000, 0), TABLE_SOUND);
	check_localise(8, 3, pfn_entry(3500, 0), TABLE_SOUND);
	/* The entries of a 32-bit level 3 have no writable bit: there is no read-only one. */
	check_localise(4, 3, pfn_entry(3500, 0), TABLE_WRONG_LEVEL);
	check_localise(4, 2, pfn_entry(2500, 0), TABLE_SOUND);
}

static void frames_without_data_can_be_named_and_broken_ones_not(void **state)
{
	(void)state;
	type[100] = FRAME_XALLOC;
	check_localise(8, 1, pfn_entry(100, PTE_WRITABLE), TABLE_SOUND);
	type[100] = FRAME_BROKEN;
	check_localise(8, 1, pfn_entry(100, PTE_WRITABLE), TABLE_NO_FRAME);
}

static void entries_in_xens_slots_are_refused(void **state)
{
	(void)state;
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		memset(canonical, 0, sizeof(canonical));
		canonical[slot] = 2; /* not even present */
		assert_int_equal(localise_it(8, 4), !is_xens(8, 4, slot));
		if (is_xens(8, 4, slot))
			assert_int_equal(fault.defect, TABLE_XEN_SLOT);
		assert_int_equal(localise_it(4, 3), !is_xens(4, 3, slot));
	}
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(localise_names_defects),
		TEST(level_1_reads_tables_but_does_not_write_them),
		TEST(linear_tables_are_read_only),
		TEST(frames_without_data_can_be_named_and_broken_ones_not),
		TEST(entries_in_xens_slots_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
