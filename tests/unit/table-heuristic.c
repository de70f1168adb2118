/* pagetable-canon/looks: what looks like a page table, and what does not. */
#include "unit.h"

#include "p2m/inverse.h"
#include "pagetable-canon/table-heuristic.h"

enum { PFNS = 512, MFN_FIRST = 0x8000, FLAGS = 0x67 };

static struct p2m p2m;
static struct inverse inverse;
static uint64_t page[TABLE_SLOTS];

static int setup(void **state)
{
	(void)state;
	p2m = (struct p2m){ .count = PFNS, .mfn = calloc(PFNS, sizeof(mfn_t)), .type = calloc(PFNS, 1) };
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN(MFN_FIRST + pfn);
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

static uint64_t entry(uint64_t mfn, uint64_t flags)
{
	return mfn << 12 | flags;
}

/* Empty but for one slot. */
static void make(unsigned int slot, uint64_t value)
{
	memset(page, 0, sizeof(page));
	page[slot] = value;
}

static void test_tables(void **state)
{
	(void)state;
	make(3, entry(MFN_FIRST + 5, FLAGS));
	assert_true(looks_like_table(page, &inverse));
	assert_true(looks_like_lowest_table(page, &inverse));
	page[511] = entry(MFN_FIRST + PFNS - 1, 1) | 1ULL << 63;
	assert_true(looks_like_table(page, &inverse));
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
		page[slot] = entry(MFN_FIRST + slot, FLAGS);
	assert_true(looks_like_table(page, &inverse));
}

static void test_root_with_xen_slots(void **state)
{
	(void)state;
	make(0, entry(MFN_FIRST, FLAGS));
	for (unsigned int slot = 256; slot < 272; slot++)
		page[slot] = entry(0x777000 + slot, 0x8000000000000063);
	assert_true(looks_like_table(page, &inverse));
	make(256, entry(0x777000, FLAGS));
	assert_false(looks_like_table(page, &inverse)); /* nothing of its own */
}

static void test_others(void **state)
{
	(void)state;
	make(0, 0);
	assert_false(looks_like_table(page, &inverse));
	assert_false(looks_like_lowest_table(page, &inverse));
	make(7, entry(MFN_FIRST + PFNS, FLAGS)); /* a frame of somebody else's */
	assert_false(looks_like_table(page, &inverse));
	assert_false(looks_like_lowest_table(page, &inverse));
	make(7, entry(MFN_FIRST, FLAGS & ~PTE_PRESENT));
	assert_false(looks_like_table(page, &inverse));
	make(7, entry(MFN_FIRST, FLAGS | PTE_SUPERPAGE));
	assert_false(looks_like_table(page, &inverse));
	make(7, entry(MFN_FIRST, FLAGS) | 1ULL << 60);
	assert_false(looks_like_table(page, &inverse));
	make(7, 0x7461626c65206f66); /* text */
	assert_false(looks_like_table(page, &inverse));
}

/* At level 1 there is more than entries: what is swapped out, for one. */
static void test_lowest(void **state)
{
	(void)state;
	make(7, entry(MFN_FIRST, FLAGS | PTE_SUPERPAGE) | 1ULL << 60);
	page[8] = 0xdeadbeef00;
	assert_true(looks_like_lowest_table(page, &inverse));
	assert_false(looks_like_table(page, &inverse));
	page[9] = entry(MFN_FIRST - 1, FLAGS);
	assert_false(looks_like_lowest_table(page, &inverse));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_root_with_xen_slots),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_lowest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
