/*
 * A guest that changes between any two looks: its memory is sent in rounds into
 * a file, built again, and is what it was when it stopped.
 */
#include "unit.h"

#include <unistd.h>

#include "fake/ferry.h"
#include "migrate/dirty.h"

static struct live live;
static unsigned int maps, partial_rounds;

static int setup(void **state)
{
	(void)state;
	ferry_open();
	memset(&live, 0, sizeof(live));
	live.max_downtime_ms = 1;
	say_level = SAY_WARNING;
	maps = partial_rounds = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ferry_close();
	return 0;
}

static void dirty(uint64_t pfn)
{
	fake_log[pfn / 64] |= 1ULL << pfn % 64;
}

static void write_page(uint64_t pfn, uint64_t value)
{
	memset(guest_page(&ferry.guest, pfn), value, PAGE_BYTES);
	dirty(pfn);
}

/* Stopped, a guest changes nothing. */
static bool is_running(void)
{
	return !ferry.migration.is_suspended;
}

static void rewrite(void)
{
	if (!is_running())
		return;
	maps++;
	for (uint64_t pfn = 2000; pfn < 2100; pfn++)
		write_page(pfn, maps + pfn);
}

static void set_mfn(uint64_t pfn, mfn_t mfn)
{
	ferry.guest.mfn[pfn] = mfn;
	guest_set_entry(&ferry.guest, pfn, mfn.n);
}

/* Away with a page, and back with another one of other content. */
static void balloon(void)
{
	uint64_t out = 2200 + maps % 50, in = 2200 + (maps + 25) % 50;

	if (!is_running())
		return;
	rewrite();
	if (mfn_is_valid(ferry.guest.mfn[out])) {
		fake_frame(ferry.guest.mfn[out])->owner = 0;
		set_mfn(out, MFN(INVALID_FRAME));
	}
	if (!mfn_is_valid(ferry.guest.mfn[in])) {
		set_mfn(in, fake_allocate(ferry.guest.domain->id));
		write_page(in, maps);
	}
}

static void grant(void)
{
	if (!is_running())
		return;
	rewrite();
	fake_granted = ferry.guest.mfn[2300];
	memset(guest_page(&ferry.guest, 2300), maps, PAGE_BYTES); /* Xen's log knows nothing of it */
}

/* Now and then the p2m does not say where its own second page is; a guest that suspends has put that right. */
static void move_part_of_p2m(void)
{
	uint64_t pfn = ferry.guest.leaf[1];
	bool is_moving = is_running() && maps % 60 < 20;

	rewrite();
	guest_set_entry(&ferry.guest, pfn, is_moving ? INVALID_FRAME : ferry.guest.mfn[pfn].n);
}

static void compare(void)
{
	for (uint64_t pfn = 0; pfn < ferry.guest.count; pfn++) {
		mfn_t was = ferry.guest.mfn[pfn], is = ferry.restoration.mfn[pfn];
		unsigned int type = mfn_is_valid(was) ? fake_frame(was)->type : FRAME_XTAB;

		if (type == FRAME_XTAB)
			assert_false(mfn_is_valid(is));
		else if (fake_frame(is)->type != type)
			fail_test("pfn %#lx: type %#x, not %#x", pfn, fake_frame(is)->type, type);
		else if (pfn >= 2000 && pfn < 2400)
			assert_memory_equal(fake_page(is), fake_page(was), PAGE_BYTES);
	}
}

/* What the table at the end shows: each round with all that it sent, and what went while the guest was stopped. */
static void check_kept(void)
{
	uint64_t pages = live.stopped.pages, bytes = live.stopped.bytes;
	unsigned int count = 0;

	for (; live.kept[count].rounds; count++) {
		assert_int_equal(live.kept[count].rounds, 1);
		pages += live.kept[count].pages;
		bytes += live.kept[count].bytes;
	}
	assert_in_range(count, 2, 5);
	assert_int_equal(live.stopped.rounds, 1);
	assert_int_equal(pages, live.sent_pages);
	assert_true(bytes && bytes < ferry.migration.figures.stored_bytes);
	assert_true(live.kept[0].pages > live.kept[1].pages);
	assert_int_equal(live.kept[count - 1].expected_downtime_ms, live.expected_downtime_ms);
}

static void rounds_beyond_the_last_place_share_it(void **state)
{
	static const unsigned int numbers[] = { 1, 63, 64, 65, 1000 }, places[] = { 0, 62, 63, 63, 63 };

	(void)state;
	for (unsigned int i = 0; i < COUNT(numbers); i++) {
		assert_ptr_equal(live_kept(&live, numbers[i]), &live.kept[places[i]]);
		live_keep(live_kept(&live, numbers[i]), 10, 100, 1000);
	}
	assert_int_equal(live.kept[63].rounds, 3);
	assert_int_equal(live.kept[63].pages, 30);
	assert_int_equal(live.kept[63].bytes, 300);
	assert_int_equal(live.kept[63].took_ns, 3000);
}

static void ferry_live(void (*meanwhile)(void), bool by_log)
{
	ferry_make(8, P2M_LINEAR, 3000);
	fake_has_log = by_log;
	fake_on_map = meanwhile;
	ferry.options.live = &live;
	ferry.options.tracking = by_log ? DIRTY_LOG : DIRTY_AUTO;
	ferry.options.limits.max_rounds = 5;
	assert_done(ferry_save(LEVEL_DEFAULT));
	assert_int_equal(live.uses_log, by_log);
	assert_true(live.round >= 3);
	assert_true(maps > 3);
	check_kept();
	fake_on_map = NULL;
	assert_done(ferry_verify());
	assert_done(ferry_restore("web2"));
	compare();
	/* What the guest gave away is not the new one's either. */
	assert_int_equal(ferry.restoration.domain->frames, ferry.restoration.frames);
}

static void rewritten_by_content(void **state)
{
	(void)state;
	ferry_live(rewrite, false);
}

static void rewritten_by_log(void **state)
{
	(void)state;
	ferry_live(rewrite, true);
}

static void ballooned_by_content(void **state)
{
	(void)state;
	ferry_live(balloon, false);
}

static void ballooned_by_log(void **state)
{
	(void)state;
	ferry_live(balloon, true);
}

static void granted_by_content(void **state)
{
	(void)state;
	ferry_live(grant, false);
}

static void granted_by_log(void **state)
{
	(void)state;
	ferry_live(grant, true);
}

static void unsettled_by_content(void **state)
{
	(void)state;
	ferry_live(move_part_of_p2m, false);
}

/* A page is written after partial rounds that never was before: no partial round sees it, and the end does. */
static void write_elsewhere(enum say_level level, const char *text)
{
	(void)level;
	if (strstr(text, ", partial:"))
		write_page(2390, ++partial_rounds);
}

static void cold_page_by_content(void **state)
{
	(void)state;
	say_level = SAY_DETAIL;
	say_to = write_elsewhere;
	ferry_live(rewrite, false);
	say_to = NULL;
	assert_true(partial_rounds);
}

/* A round is over when the other side says so; of one that does not the time for all rounds makes an end. */
static void other_side_is_waited_for(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	fake_on_map = rewrite;
	ferry.options.live = &live;
	ferry.options.limits =
		(struct precopy_limits){ .max_rounds = 5, .timeout_seconds = 1, .stop_on_timeout = true };
	live.taken_bytes = 1;
	assert_done(ferry_save(LEVEL_DEFAULT));
	assert_int_equal(live.round, 2); /* one before it was stopped, one after */
}

static void log_that_is_not_there(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	ferry.options.live = &live;
	ferry.options.tracking = DIRTY_LOG;
	assert_fails(ferry_save(LEVEL_DEFAULT), EOPNOTSUPP, "no log");
	assert_false(ferry.migration.is_asked);
}

static bool takes_log(enum dirty_tracking tracking, uint64_t scan_ms, uint64_t expected_ms)
{
	struct dirty dirty;
	bool uses_log;

	assert_done(dirty_begin(&dirty, ferry.guest.domain, tracking, 100));
	assert_false(dirty.uses_log);
	assert_done(dirty_choose(&dirty, scan_ms, expected_ms, 300));
	uses_log = dirty.uses_log;
	for (uint64_t pfn = 0; pfn < 100; pfn++)
		assert_true(dirty_is_suspect(&dirty, pfn));
	assert_done(dirty_collect(&dirty));
	dirty_clear(&dirty, 50);
	assert_int_equal(dirty_is_suspect(&dirty, 50), !uses_log);
	dirty_end(&dirty);
	return uses_log;
}

static void log_where_it_is_worth_it(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	fake_has_log = true;
	assert_true(takes_log(DIRTY_LOG, 0, 0));
	assert_true(takes_log(DIRTY_AUTO, 101, 0));
	assert_true(takes_log(DIRTY_AUTO, 10, 301));
	assert_false(takes_log(DIRTY_AUTO, 100, 300));
	assert_false(takes_log(DIRTY_CONTENT, 10000, 10000));
	fake_has_log = false;
	assert_false(takes_log(DIRTY_AUTO, 101, 301));
}

/* Whichever call fails, the guest is not left asked to suspend without a word. */
static void any_call_fails(void **state)
{
	unsigned int calls = 1;

	(void)state;
	for (unsigned int n = 1; n <= calls; n++) {
		ferry_make(8, P2M_LINEAR, 3000);
		fake_has_log = true;
		ferry.options.live = &live;
		ferry.options.tracking = DIRTY_LOG;
		ferry.options.limits.max_rounds = 2;
		fake_calls = 0;
		fake_fail_at = n;
		if (!ferry_save(LEVEL_DEFAULT))
			calls = fake_calls > calls ? fake_calls : calls;
		else
			assert_string_not_equal(fail_reason(), "");
		calls = calls < n + 1 && fake_calls >= n ? n + 1 : calls;
		fake_fail_at = 0;
		ferry_release();
		guest_release(&ferry.guest);
		ferry.guest = (struct guest){ 0 };
	}
	ferry_make(8, P2M_LINEAR, 3000); /* for the teardown */
	assert_true(calls > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(rewritten_by_content),
		TEST(rewritten_by_log),
		TEST(ballooned_by_content),
		TEST(ballooned_by_log),
		TEST(granted_by_content),
		TEST(granted_by_log),
		TEST(unsettled_by_content),
		TEST(cold_page_by_content),
		TEST(other_side_is_waited_for),
		TEST(log_that_is_not_there),
		TEST(log_where_it_is_worth_it),
		TEST(any_call_fails),
		TEST(rounds_beyond_the_last_place_share_it),
	};

	alarm(300); /* whoever still waits then waits for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
