/* Page tables of a guest that runs while it is sent: they go again in the last round if they have changed, and only then. */
#include "unit.h"

#include <unistd.h>

#include "fake/ferry.h"
#include "migrate/dirty.h"

static struct live live;
static unsigned int maps;

static int setup(void **state)
{
	(void)state;
	ferry_open();
	memset(&live, 0, sizeof(live));
	live.max_downtime_ms = 1;
	say_level = SAY_WARNING;
	maps = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ferry_close();
	return 0;
}

static void save(void (*meanwhile)(void), bool by_log)
{
	ferry_make(8, P2M_LINEAR, 3000);
	fake_has_log = by_log;
	fake_on_map = meanwhile;
	ferry.options.live = &live;
	ferry.options.tracking = by_log ? DIRTY_LOG : DIRTY_CONTENT;
	ferry.options.limits.max_rounds = 5;
	assert_done(ferry_save(LEVEL_DEFAULT));
	fake_on_map = NULL;
	assert_done(ferry_verify());
}

static uint64_t find_table(void)
{
	for (uint64_t pfn = 0; pfn < ferry.guest.count; pfn++) {
		mfn_t mfn = ferry.guest.mfn[pfn];

		if (mfn_is_valid(mfn) && frame_level(fake_frame(mfn)->type) == 1)
			return pfn;
	}
	fail_test("the guest has no table");
	return 0;
}

/* A bit of an entry that is the guest's to use. */
static void write_table(void)
{
	uint64_t *table = guest_page(&ferry.guest, find_table());
	unsigned int slot = 0;

	/* Stopped, a guest changes nothing. */
	if (ferry.migration.is_suspended)
		return;
	maps++;
	while (!(table[slot] & 1))
		slot++;
	table[slot] = (table[slot] & ~0xe00UL) | (uint64_t)(maps % 7 + 1) << 9;
	fake_log[find_table() / 64] |= 1ULL << find_table() % 64;
}

static void tables_that_change(bool by_log)
{
	const uint64_t *was, *is;

	save(write_table, by_log);
	assert_true(maps > 2);
	assert_done(ferry_restore("web2"));
	was = guest_page(&ferry.guest, find_table());
	is = fake_page(ferry.restoration.mfn[find_table()]);
	for (unsigned int i = 0; i < TABLE_SLOTS; i++)
		assert_int_equal(was[i] & 0xfff, is[i] & 0xfff);
}

static void tables_by_content(void **state)
{
	(void)state;
	tables_that_change(false);
}

static void tables_by_log(void **state)
{
	(void)state;
	tables_that_change(true);
}

/* Of a guest that writes nothing each page goes once: in the last round no table either. */
static void nothing_changed(bool by_log)
{
	uint64_t pages = 0, tables = 0;

	save(NULL, by_log);
	for (uint64_t pfn = 0; pfn < ferry.guest.count; pfn++) {
		bool is_there = mfn_is_valid(ferry.guest.mfn[pfn]);

		pages += is_there;
		tables += is_there && frame_level(fake_frame(ferry.guest.mfn[pfn])->type);
	}
	assert_true(tables > 5);
	assert_in_range(live.sent_pages, pages, pages + tables / 2);
}

static void nothing_changed_by_content(void **state)
{
	(void)state;
	nothing_changed(false);
}

static void nothing_changed_by_log(void **state)
{
	(void)state;
	nothing_changed(true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(tables_by_content),
		TEST(tables_by_log),
		TEST(nothing_changed_by_content),
		TEST(nothing_changed_by_log),
	};

	alarm(300); /* whoever still waits then waits for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
