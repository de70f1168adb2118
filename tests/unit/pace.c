/* migrate/pace.c: how much goes out in a second. */
#include "unit.h"

#include "migrate/pace.h"

enum { PIECE = 256 << 10, MS = 1000000 };

/* Bytes in so many milliseconds when whoever may write does. */
static uint64_t run(struct pace *pace, uint64_t limit, uint64_t from_ms, uint64_t ms)
{
	uint64_t sent = 0, now_ns = from_ms * MS, end_ns = now_ns + ms * MS;

	while (now_ns < end_ns) {
		unsigned int wait = pace_wait(pace, limit, now_ns);

		now_ns += wait ? wait * (uint64_t)MS : MS / 100;
		if (wait)
			continue;
		pace_count(pace, PIECE, limit, now_ns);
		sent += PIECE;
	}
	return sent;
}

static void a_limit_is_kept(void **state)
{
	static const uint64_t limits[] = { 1 << 20, 10 << 20, 100 << 20, 1 << 30 };

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++) {
		struct pace pace = { 0 };
		uint64_t sent = run(&pace, limits[i], 5000, 10000);

		assert_in_range(sent, limits[i] * 10 * 98 / 100, limits[i] * 10 + limits[i] / 50 + 2 * PIECE);
	}
}

static void none_is_none(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	run(&pace, 1 << 20, 1000, 1000);
	assert_int_equal(pace_wait(&pace, 0, 2000ULL * MS), 0);
}

/* An hour of silence is not made up for. */
static void nothing_is_saved_up(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	run(&pace, 1 << 20, 1000, 1000);
	assert_in_range(run(&pace, 1 << 20, 3600000, 1000), 1 << 19, 3 << 19);
}

static void a_new_limit_counts_soon(void **state)
{
	struct pace pace = { 0 };

	(void)state;
	run(&pace, 1 << 20, 1000, 5000);
	assert_in_range(run(&pace, 100 << 20, 6000, 1000), 60 << 20, 102 << 20);
	assert_in_range(pace_wait(&pace, 1 << 20, 1), 1, 100);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_is_kept),
		cmocka_unit_test(none_is_none),
		cmocka_unit_test(nothing_is_saved_up),
		cmocka_unit_test(a_new_limit_counts_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
