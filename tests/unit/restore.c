/*
 * migrate/ and restore/ together: a file that was cut, a guest that is broken
 * and any call that fails leave nothing behind, and the guest can go on.
 */
#include "unit.h"

#include <unistd.h>

#include "fake/ferry.h"

static int setup(void **state)
{
	(void)state;
	ferry_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ferry_close();
	return 0;
}

static void unmovable_table_is_named(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	*guest_entry(&ferry.guest, 1, 0x8000000) = fake_allocate(FAKE_XEN).n << PAGE_BITS | PTE_PRESENT;
	for (int level = LEVEL_PLAIN; level <= 1; level++) {
		assert_fails(ferry_save(level), EREMOTE, "a page table of level 1: slot 0");
		assert_true(ferry.migration.is_suspended); /* the caller resumes it */
		ferry_release();
		ferry.guest.domain->is_suspended = false;
	}
}

/* pfns 2000 to 2003 are page tables of levels 4 to 1, and nobody pinned them. */
static uint64_t *make_untyped_tree(void)
{
	for (uint64_t pfn = 2000; pfn < 2004; pfn++) {
		uint64_t *table = guest_page(&ferry.guest, pfn);

		memset(table, 0, PAGE_BYTES);
		table[7] = ferry.guest.mfn[pfn + 1].n << PAGE_BITS | PTE_PRESENT | PTE_WRITABLE;
	}
	return guest_page(&ferry.guest, 2000);
}

/* A root whose kernel half names no tables at all is of an earlier life of its frame: no guest runs on that. */
static void untyped_trees_are_refused_if_alive(void **state)
{
	uint64_t kernel, other;

	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	kernel = *guest_entry(&ferry.guest, 4, 0xf0000000);
	other = ferry.guest.mfn[5].n << PAGE_BITS | PTE_PRESENT;
	const struct {
		uint64_t slot_510, slot_511;
		bool is_alive;
	} rows[] = { { 0, 0, true }, { 0, kernel, true }, { other, kernel, true }, { 0, other, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t *root = make_untyped_tree();

		root[510] = rows[i].slot_510;
		root[511] = rows[i].slot_511;
		if (rows[i].is_alive)
			assert_fails(ferry_save(1), EUCLEAN, "pfn 0x7d0 and frames below it look like");
		else
			assert_done(ferry_save(1));
		ferry_release();
		ferry.guest.domain->is_suspended = false;
	}
}

/* The record with the p2m's pages would be longer than any that a restore reads. */
static void more_pfns_than_an_image_has_room_for(void **state)
{
	static struct live live;
	enum { MOST = 1310719 * 512 };

	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	fake_store_set("/local/domain/1/memory/static-max", "8589934592");
	for (int is_live = 0; is_live < 2; is_live++) {
		ferry.options.live = is_live ? &live : NULL;
		word_set(ferry.guest.layout, ferry.guest.shared_info, ferry.guest.layout->shared_info.max_pfn,
			 MOST + 1);
		assert_fails(ferry_save(1), EFBIG,
			     "the guest has 671088129 pfns, an image has room for 671088128");
		assert_false(ferry.migration.is_asked);
		assert_false(ferry.guest.domain->is_suspended);
		ferry_release();
	}
	ferry.options.live = NULL;
	word_set(ferry.guest.layout, ferry.guest.shared_info, ferry.guest.layout->shared_info.max_pfn, MOST);
	assert_fails(ferry_save(1), ERANGE, "no way to its pages");
}

static void a_claim_is_refused_before_the_stop(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	word_set(ferry.guest.layout, ferry.guest.shared_info, ferry.guest.layout->shared_info.max_pfn,
		 1 << 28);
	assert_fails(ferry_save(1), ERANGE, "the guest claims 268435456 pfns");
	assert_false(ferry.migration.is_asked);
}

static unsigned int maps_counted;

static void count_maps(void)
{
	maps_counted++;
}

/* Each slot of each names the next, and the last is no table: 512^3 ways that end nowhere are gone once. */
static void untyped_pages_are_looked_at_once(void **state)
{
	unsigned int usual;

	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	fake_on_map = count_maps;
	maps_counted = 0;
	assert_done(ferry_save(1));
	usual = maps_counted;
	ferry_release();
	ferry.guest.domain->is_suspended = false;
	for (uint64_t pfn = 2000; pfn < 2003; pfn++) {
		uint64_t *table = guest_page(&ferry.guest, pfn);

		for (unsigned int slot = 0; slot < (pfn == 2000 ? 256 : 512); slot++)
			table[slot] = ferry.guest.mfn[pfn + 1].n << PAGE_BITS | PTE_PRESENT | PTE_WRITABLE;
		memset(table + (pfn == 2000 ? 256 : 512), 0, pfn == 2000 ? PAGE_BYTES / 2 : 0);
	}
	memset(guest_page(&ferry.guest, 2003), 0, PAGE_BYTES);
	maps_counted = 0;
	assert_done(ferry_save(1));
	assert_in_range(maps_counted, usual, usual + 4 * 3);
}

/* Mapped are: shared info, four levels of tables, the p2m; then the memory. */
static void move_p2m_before_memory(void)
{
	static unsigned int maps;

	if (++maps == 7)
		word_set(ferry.guest.layout, ferry.guest.shared_info,
			 ferry.guest.layout->shared_info.p2m_generation, 4);
}

static void p2m_that_moves_is_noticed(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	fake_on_map = move_p2m_before_memory;
	assert_fails(ferry_save(1), EAGAIN, "the guest's p2m changed");
	assert_true(ferry.migration.is_suspended);
}

static void name_in_use_is_told(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	assert_done(ferry_save(1));
	assert_fails(ferry_restore(NULL), EEXIST, "there is a domain \"web1\" already");
	assert_int_equal(fake_domains(), 1);
}

static void too_little_memory_is_told_before(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	assert_done(ferry_save(1));
	fake_free_frames = 2900;
	assert_fails(ferry_restore("web2"), ENOMEM, "too little free memory");
	assert_int_equal(fake_domains(), 1);
}

static void cut_image_builds_nothing(void **state)
{
	off_t whole;

	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	for (int level = LEVEL_PLAIN; level <= 1; level++) {
		assert_done(ferry_save(level));
		ferry.guest.domain->is_suspended = false;
		whole = lseek(ferry.fd, 0, SEEK_END);
		for (int tenth = 9; tenth > 0; tenth--) {
			assert_int_equal(ftruncate(ferry.fd, whole * tenth / 10), 0);
			assert_int_equal(ferry_restore("web2"), -ENODATA);
			assert_int_equal(fake_domains(), 1);
			ferry_release();
		}
	}
}

/* --- any call fails ----------------------------------------------------------------- */

/* Saves with the Nth call failing, for every N, until none fails. */
static void every_failure_of_a_save_is_survived(void **state)
{
	unsigned int n = 0, calls;
	int rc;

	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	do {
		fake_fail_at = ++n;
		fake_calls = 0;
		rc = ferry_save(n % 2);
		if (rc && !strstr(fail_reason(), "fake: call"))
			fail_test("call %u: the reason is \"%s\"", n, fail_reason());
		assert_int_equal(ferry.migration.is_suspended, ferry.guest.domain->is_suspended);
		calls = fake_calls;
		ferry_release();
		ferry.guest.domain->is_suspended = false;
	} while (calls >= n);
	assert_int_equal(rc, 0);
	assert_true(n > 30);
}

static void every_failure_of_a_restore_is_survived(void **state)
{
	unsigned int n = 0, built, calls;
	int rc;

	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	assert_done(ferry_save(1));
	do {
		fake_fail_at = ++n;
		fake_calls = 0;
		rc = ferry_restore("web2");
		built = fake_domains() - 1;
		if (rc && !strstr(fail_reason(), "fake: call") && rc != -ESRCH)
			fail_test("call %u: the reason is \"%s\"", n, fail_reason());
		if (rc && built)
			fail_test("call %u: a domain is left", n);
		if (rc && (fake_store_at("/local/domain/2/name") || fake_store_at("/libxl/2/type")))
			fail_test("call %u: something is left in xenstore", n);
		calls = fake_calls;
		fake_fail_at = 0;
		ferry_release();
	} while (calls >= n);
	assert_int_equal(rc, 0);
	assert_true(n > 40);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(unmovable_table_is_named),
		TEST(untyped_trees_are_refused_if_alive),
		TEST(untyped_pages_are_looked_at_once),
		TEST(more_pfns_than_an_image_has_room_for),
		TEST(a_claim_is_refused_before_the_stop),
		TEST(p2m_that_moves_is_noticed),
		TEST(name_in_use_is_told),
		TEST(too_little_memory_is_told_before),
		TEST(cut_image_builds_nothing),
		TEST(every_failure_of_a_save_is_survived),
		TEST(every_failure_of_a_restore_is_survived),
	};

	alarm(300); /* whoever still waits then waits for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
