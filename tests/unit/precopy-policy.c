/* When to stop the guest: a table of rounds and verdicts. */
#include "unit.h"

#include "migrate/precopy-policy.h"

enum { MS = 1000000 };

static const struct precopy_limits none;

/* 4096-byte pages over 100 MB/s, reading all of the guest takes 100 ms. */
static struct precopy_round make_round(unsigned int number, uint64_t took_ms, uint64_t changed)
{
	return (struct precopy_round){ .number = number,
				       .elapsed_ms = number * took_ms,
				       .took_ns = took_ms * MS,
				       .previous_ns = took_ms * MS,
				       .changed_pages = changed,
				       .bytes_per_page = 4096,
				       .bytes_per_second = 100000000,
				       .scan_ns = 100 * MS };
}

static enum precopy_verdict once(const struct precopy_limits *limits, const struct precopy_round *r)
{
	struct precopy_memory memory = { 0 };
	char why[128] = "";

	return precopy_decide(&memory, limits, 300, r, why);
}

static void forecast_adds_up(void **state)
{
	struct precopy_round r = make_round(2, 1000, 2000);
	struct precopy_forecast forecast = precopy_forecast(&r);

	(void)state;
	assert_in_range(forecast.dirty_pages_per_second, 1990, 2000);
	/* 100 ms to read, 2000 pages in 82 ms, and what stopping takes. */
	assert_in_range(forecast.downtime_ms, 180, 230);
	r.late_pages = 1000;
	assert_in_range(precopy_forecast(&r).downtime_ms, forecast.downtime_ms + 38,
			forecast.downtime_ms + 42);
}

static void forecast_survives_zeros(void **state)
{
	struct precopy_round r = { .number = 2 };

	(void)state;
	assert_in_range(precopy_forecast(&r).downtime_ms, 1, 100);
}

/* What fits into the buffer is copied at the speed of memory, whatever the disk does; the rest waits for the disk. */
static void buffer_shortens_the_stop(void **state)
{
	struct precopy_round r = make_round(2, 1000, 9000);
	uint64_t without = precopy_forecast(&r).downtime_ms;

	(void)state;
	assert_int_equal(once(&none, &r), PRECOPY_GO_ON);
	r.hold_pages = 9000;
	assert_in_range(precopy_forecast(&r).downtime_ms, 130, 160);
	assert_int_equal(once(&none, &r), PRECOPY_STOP);
	r.hold_pages = 4500;
	assert_in_range(precopy_forecast(&r).downtime_ms, without / 2, without * 2 / 3);
}

/* A guest so large that to read it takes longer than allowed: rounds change nothing of that, and are not tried. */
static void large_guest_fits_into_buffer(void **state)
{
	struct precopy_round r = make_round(2, 1000, 1000);

	(void)state;
	r.scan_ns = 2000ULL * MS;
	assert_int_equal(once(&none, &r), PRECOPY_GO_ON);
	r.hold_pages = 2000;
	assert_int_equal(once(&none, &r), PRECOPY_STOP);
	r.hold_pages = 500;
	assert_int_equal(once(&none, &r), PRECOPY_GO_ON);
	r.number = 1; /* nothing is known of how fast it is */
	r.hold_pages = 2000;
	assert_int_equal(once(&none, &r), PRECOPY_GO_ON);
}

/* Where a sample tells what has changed by now, the first round may be the last: a second one would send all of that again. */
static void a_sample_saves_a_round(void **state)
{
	struct precopy_round r = make_round(1, 1000, 1000);

	(void)state;
	r.previous_ns = 0;
	r.hold_pages = 2000;
	assert_int_equal(once(&none, &r), PRECOPY_GO_ON);
	r.is_sampled = true;
	/* Half a round ago they were as they went; and they are what is left, not twice that. */
	assert_in_range(precopy_forecast(&r).dirty_pages_per_second, 1990, 2000);
	assert_int_equal(precopy_forecast(&r).left_pages, 1000);
	assert_int_equal(once(&none, &r), PRECOPY_STOP);
	r.changed_pages = 30000;
	assert_int_equal(once(&none, &r), PRECOPY_GO_ON);
}

/* Of an increment: what differs from its parent is copied in 10 ms at 3 GB/s, and fits into half of the buffer. */
static void little_that_differs_needs_no_round(void **state)
{
	struct precopy_round r = {
		.is_sampled = true, .late_pages = 500, .hold_pages = 32768, .scan_ns = 60 * MS
	};

	(void)state;
	r.changed_pages = 2000;
	assert_true(precopy_stops_at_once(&r));
	assert_int_equal(precopy_forecast(&r).left_pages, 2500);
	r.changed_pages = 6800;
	assert_true(precopy_stops_at_once(&r));
	r.changed_pages = 7000; /* and 500 tables */
	assert_false(precopy_stops_at_once(&r));
	r.changed_pages = 2000;
	r.hold_pages = 4999;
	assert_false(precopy_stops_at_once(&r));
	r.hold_pages = 0;
	assert_false(precopy_stops_at_once(&r));
}

/* A partial round of 100 ms, after which pages that it did not look at have changed for a second. */
static struct precopy_round make_partial(uint64_t changed, uint64_t fresh_per_second)
{
	struct precopy_round r = make_round(5, 100, changed);

	r.partial = 1;
	r.fresh_per_second = fresh_per_second;
	r.unseen_ns = 1000ULL * MS;
	return r;
}

static void forecast_knows_what_was_not_seen(void **state)
{
	struct precopy_round all = make_round(5, 1000, 3000), partial = make_partial(200, 1000);

	(void)state;
	/* 1000 of 3000 are new; they had been left alone for two seconds, the others for one. */
	all.fresh_pages = 1000;
	all.fresh_per_second = 500;
	all.unseen_ns = 1000ULL * MS;
	assert_in_range(precopy_forecast(&all).dirty_pages_per_second, 2490, 2500);
	/* 100 ms to read, 2000 + 500 pages in 102 ms. */
	assert_in_range(precopy_forecast(&all).downtime_ms, 200, 240);
	assert_in_range(precopy_forecast(&partial).dirty_pages_per_second, 2980, 3000);
	/* 200 + 1000 pages in 49 ms. */
	assert_in_range(precopy_forecast(&partial).downtime_ms, 150, 190);
}

static void partial_rounds_while_they_are_worth_it(void **state)
{
	struct precopy_round first = make_round(1, 1000, 0), all = make_round(3, 1000, 2000);
	struct precopy_round few = make_partial(1000, 100), many = make_partial(50, 1000);

	(void)state;
	assert_true(precopy_reads_all(&first, 0, 100000));
	assert_false(precopy_reads_all(&all, 2000, 100000));
	assert_true(precopy_reads_all(&all, 30000, 100000)); /* nearly as many as all */
	assert_false(precopy_reads_all(&few, 2000, 100000));
	assert_true(precopy_reads_all(&many, 2000, 100000)); /* more is elsewhere */
	few.partial = 100;
	assert_true(precopy_reads_all(&few, 2000, 100000)); /* it may have begun to do something else */
}

static void verdicts(void **state)
{
	static const struct precopy_limits two_rounds = { .max_rounds = 2 },
					   strict = { .max_rounds = 2, .abort_if_busy = true },
					   ten = { .timeout_seconds = 10 },
					   ten_stop = { .timeout_seconds = 10, .stop_on_timeout = true },
					   ten_strict = { .timeout_seconds = 10,
							  .stop_on_timeout = true,
							  .abort_if_busy = true };
	static const struct {
		const struct precopy_limits *limits;
		unsigned int number;
		uint64_t took_ms, changed;
		enum precopy_verdict verdict;
	} rows[] = {
		{ &none, 1, 1000, 0, PRECOPY_GO_ON }, /* nothing is known of it yet */
		{ &none, 2, 100, 200, PRECOPY_STOP },
		{ &none, 2, 1000, 20000, PRECOPY_GO_ON },
		{ &two_rounds, 1, 1000, 20000, PRECOPY_GO_ON },
		{ &two_rounds, 2, 1000, 20000, PRECOPY_STOP },
		{ &strict, 2, 1000, 20000, PRECOPY_GIVE_UP },
		{ &strict, 2, 1000, 2000, PRECOPY_STOP },
		{ &ten, 3, 3000, 90000, PRECOPY_GO_ON },
		{ &ten, 4, 3000, 90000, PRECOPY_GIVE_UP },
		{ &ten, 1, 12000, 0, PRECOPY_GIVE_UP },
		{ &ten, 4, 3000, 100, PRECOPY_STOP }, /* it may be short enough at the last moment */
		{ &ten_stop, 4, 3000, 90000, PRECOPY_STOP },
		{ &ten_strict, 4, 3000, 90000, PRECOPY_GIVE_UP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct precopy_round r = make_round(rows[i].number, rows[i].took_ms, rows[i].changed);
		enum precopy_verdict got = once(rows[i].limits, &r);

		if (got != rows[i].verdict)
			fail_test("row %zu: verdict %d, not %d", i, got, rows[i].verdict);
	}
}

/* Good enough, but one short round more leaves much less: as long as that comes true, and there is time. */
static void short_round_before_the_stop(void **state)
{
	static const struct precopy_limits ten = { .timeout_seconds = 10 };
	struct precopy_round long_one = make_round(2, 1000, 2000), short_one = make_round(3, 100, 200);
	struct precopy_memory memory = { 0 };
	char why[128] = "";

	(void)state;
	assert_int_equal(once(&none, &short_one), PRECOPY_STOP);
	assert_int_equal(precopy_decide(&memory, &none, 300, &long_one, why), PRECOPY_GO_ON);
	assert_int_equal(precopy_decide(&memory, &none, 300, &long_one, why), PRECOPY_STOP);
	long_one.elapsed_ms = 10000;
	assert_int_equal(once(&ten, &long_one), PRECOPY_STOP);
}

/* Rounds that no longer gain anything are in vain; while they do, they go on. */
static void patience_ends(void **state)
{
	struct precopy_memory memory = { 0 };
	char why[128] = "";
	unsigned int number = 2;

	(void)state;
	for (uint64_t changed = 100000; changed > 10000; changed = changed * 9 / 10) {
		struct precopy_round r = make_round(number++, 1000, changed);

		assert_int_equal(precopy_decide(&memory, &none, 300, &r, why), PRECOPY_GO_ON);
	}
	for (int i = 0; i < 100; i++) {
		struct precopy_round r = make_round(number++, 1000, 20000);

		if (precopy_decide(&memory, &none, 300, &r, why) == PRECOPY_STOP) {
			assert_true(i >= 2 && i < 10);
			assert_non_null(strstr(why, "rounds have not brought"));
			return;
		}
	}
	fail_test("it goes on for ever");
}

/* The number of the first round that stops it, when so many pages change in turn. */
static unsigned int end_of(const uint64_t *changed, unsigned int count)
{
	struct precopy_memory memory = { 0 };
	char why[128] = "";

	for (unsigned int number = 2; number < 100; number++) {
		struct precopy_round r = make_round(number, 1000, changed[(number - 2) % count]);

		if (precopy_decide(&memory, &none, 300, &r, why) == PRECOPY_STOP)
			return number;
	}
	fail_test("it goes on for ever");
	return 0;
}

/* Rounds differ by chance: the guest is stopped after a good one, if one comes soon. */
static void good_round_is_waited_for(void **state)
{
	static const uint64_t all_alike[] = { 20000 };
	static const uint64_t now_and_then[] = { 20000, 40000, 40000, 40000, 40000, 40000 };
	static const uint64_t once_only[] = { 20000, 40000, 40000, 40000, 40000, 40000, 40000, 40000, 40000,
					      40000, 40000, 40000, 40000, 40000, 40000, 40000, 40000, 40000 };

	(void)state;
	assert_int_equal(end_of(all_alike, 1), 6);
	assert_int_equal(end_of(now_and_then, 6), 8);
	assert_int_equal(end_of(once_only, 18), 10);
}

/* The round in which a guest is stopped whose downtime goes from a minute downwards, by 6 % in each fourth round. */
static unsigned int end_of_slow_gain(const struct precopy_limits *limits)
{
	struct precopy_memory memory = { 0 };
	char why[128] = "";
	uint64_t changed = 1500000;

	for (unsigned int number = 1; number < 1000; number++) {
		struct precopy_round r = make_round(number, 1000, changed);

		if (precopy_decide(&memory, limits, 300, &r, why) == PRECOPY_STOP)
			return number;
		changed = number % 4 ? changed : changed * 94 / 100;
	}
	fail_test("it goes on for ever");
	return 0;
}

/* Patience alone is no bound that a person would call one; a number of rounds is. */
static void slow_gain_ends(void **state)
{
	static const struct precopy_limits thirty = { .max_rounds = 30 };

	(void)state;
	assert_in_range(end_of_slow_gain(&none), 100, 999);
	assert_int_equal(end_of_slow_gain(&thirty), 30);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(forecast_adds_up),
		cmocka_unit_test(forecast_survives_zeros),
		cmocka_unit_test(buffer_shortens_the_stop),
		cmocka_unit_test(large_guest_fits_into_buffer),
		cmocka_unit_test(a_sample_saves_a_round),
		cmocka_unit_test(little_that_differs_needs_no_round),
		cmocka_unit_test(forecast_knows_what_was_not_seen),
		cmocka_unit_test(partial_rounds_while_they_are_worth_it),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(short_round_before_the_stop),
		cmocka_unit_test(patience_ends),
		cmocka_unit_test(good_round_is_waited_for),
		cmocka_unit_test(slow_gain_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
