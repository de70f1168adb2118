/* What pvferry stress draws from a seed, and what it takes for a mix. */
#include "unit.h"

#include "stress/draw.h"
#include "stress/round.h"

static void a_seed_draws_the_same_again(void **state)
{
	(void)state;
	for (unsigned int round = 1; round < 100; round++) {
		struct draw one = draw_of(7, round), again = draw_of(7, round), other = draw_of(8, round);
		struct draw next = draw_of(7, round + 1);
		uint64_t first = draw_below(&one, UINT64_MAX);

		assert_true(first == draw_below(&again, UINT64_MAX));
		assert_false(first == draw_below(&other, UINT64_MAX));
		assert_false(first == draw_below(&next, UINT64_MAX));
	}
}

static void draws_are_within_bounds(void **state)
{
	struct draw draw = draw_of(1, 1);
	unsigned int seen[5] = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		seen[draw_below(&draw, 5)]++;
	for (int i = 0; i < 5; i++)
		assert_in_range(seen[i], 150, 250);
	assert_int_equal(draw_below(&draw, 1), 0);
	assert_int_equal(draw_below(&draw, 0), 0);
}

static void weights_count(void **state)
{
	const unsigned int weights[] = { 0, 3, 0, 1, 0 };
	struct draw draw = draw_of(1, 1);
	unsigned int seen[5] = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		seen[draw_weighted(&draw, weights, 5)]++;
	assert_int_equal(seen[0] + seen[2] + seen[4], 0);
	assert_in_range(seen[1], 680, 820);
}

static void a_mix_is_read(void **state)
{
	unsigned int weights[STRESS_KINDS];

	(void)state;
	assert_true(stress_parse_mix("save=2,migrate=10", weights));
	assert_int_equal(weights[STRESS_SAVE], 2);
	assert_int_equal(weights[STRESS_MIGRATE], 10);
	assert_int_equal(weights[STRESS_COPY] + weights[STRESS_CHECKPOINT] + weights[STRESS_REWIND], 0);
	for (const char *const *wrong =
		     (const char *const[]){ "", "save", "save=", "save=0", "sav=1", "save=1001", "save=-1",
					    "save=1,,copy=1", "save=1;copy=1", NULL };
	     *wrong; wrong++)
		if (stress_parse_mix(*wrong, weights))
			fail_test("\"%s\" is taken", *wrong);
}

static void a_round_has_only_faults_that_it_can_have(void **state)
{
	const struct stress_options options = { .weights = { 1, 1, 1, 1, 1 }, .faults = (1 << FAULTS) - 1 };
	struct stress stress = { .options = &options };
	unsigned int faults[FAULTS + 1] = { 0 };

	(void)state;
	for (unsigned int number = 1; number < 500; number++) {
		struct draw draw = draw_of(3, number);
		struct round round = { .number = number };

		round_draw(&stress, &round, &draw);
		faults[round.fault]++;
		assert_false(round.fault == FAULT_FULL && round.kind == STRESS_MIGRATE);
		assert_false(round.fault == FAULT_CUT && round.kind != STRESS_MIGRATE);
		assert_false(round.is_on_second && round.kind != STRESS_SAVE && round.kind != STRESS_REWIND);
	}
	for (int i = 0; i <= FAULTS; i++)
		assert_in_range(faults[i], 10, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_draws_the_same_again),
		cmocka_unit_test(draws_are_within_bounds),
		cmocka_unit_test(weights_count),
		cmocka_unit_test(a_mix_is_read),
		cmocka_unit_test(a_round_has_only_faults_that_it_can_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
