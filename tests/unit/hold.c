/* The buffer for what is copied while a guest is stopped: its size, its places, its order. */
#include "unit.h"

#include <pthread.h>
#include <sys/resource.h>

#include "migrate/hold.h"
#include "stream/format.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true; /* whose own memory is more than a limit allows */
#else
static const bool is_sanitized;
#endif

#define MIB ((size_t)1 << 20)

static void default_size(void **state)
{
	static const struct {
		size_t guest_mib, available_mib, expected_mib;
	} rows[] = {
		{ 16, 8192, 64 },    { 512, 8192, 64 },	 { 800, 8192, 100 },	   { 1024, 0, 128 },
		{ 4096, 8192, 512 }, { 4096, 600, 300 }, { 1 << 20, 65536, 1024 }, { 16, 10, 5 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
			hold_default_bytes(rows[i].guest_mib * MIB / PAGE_BYTES, rows[i].available_mib * MIB),
			rows[i].expected_mib * MIB);
	assert_true(hold_available_bytes() > MIB);
}

static void more_than_there_is(void **state)
{
	struct hold *hold;

	(void)state;
	assert_fails(hold_open(&hold, (size_t)1 << 50, 1000), ENOMEM, "cannot be had");
	hold_close(hold);
	hold_close(NULL);
}

/* At most half of what a limit allows, or a half of that, and so on: others have used some of it. */
static void limit_of_memory(void **state)
{
	struct rlimit old, small;
	struct hold *hold;

	(void)state;
	if (is_sanitized)
		skip();
	assert_int_equal(getrlimit(RLIMIT_DATA, &old), 0);
	small = (struct rlimit){ 80 * MIB, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_DATA, &small), 0);
	assert_int_equal(hold_available_bytes(), 80 * MIB);
	assert_done(hold_open(&hold, 0, MIB));
	assert_in_range(hold_room(hold), MIB, 40 * MIB);
	hold_close(hold);
	assert_fails(hold_open(&hold, 90 * MIB, 0), ENOMEM, "90 MiB cannot be had: 80 MiB are left");
	hold_close(hold);
	assert_int_equal(setrlimit(RLIMIT_DATA, &old), 0);
}

enum { THREADS = 4, RECORDS = 2000 };

struct taker {
	struct hold *hold;
	uint8_t *record[RECORDS];
	size_t bytes[RECORDS];
	unsigned int number;
};

/* Each byte of a record says whose it is. */
static void *take_many(void *argument)
{
	struct taker *taker = argument;
	uint64_t random = taker->number;

	for (int i = 0; i < RECORDS; i++) {
		taker->bytes[i] = next_random(&random) % 3000 + 1;
		taker->record[i] = hold_take(taker->hold, taker->bytes[i]);
		memset(taker->record[i], taker->number << 6 | (i & 0x3f), taker->bytes[i]);
	}
	return NULL;
}

/* Twelve million bytes into four, and what does not fit is held all the same. */
static void places_are_apart(void **state)
{
	static struct taker takers[THREADS];
	pthread_t threads[THREADS];
	struct hold *hold;

	(void)state;
	assert_done(hold_open(&hold, 4 * MIB, 0));
	assert_int_equal(hold_room(hold), 4 * MIB);
	for (int round = 0; round < 2; round++) {
		assert_false(hold_is_full(hold));
		for (unsigned int i = 0; i < THREADS; i++) {
			takers[i] = (struct taker){ .hold = hold, .number = i };
			assert_int_equal(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
		}
		for (unsigned int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		assert_true(hold_is_full(hold));
		for (unsigned int i = 0; i < THREADS; i++)
			for (int k = 0; k < RECORDS; k++)
				for (size_t at = 0; at < takers[i].bytes[k]; at++)
					if (takers[i].record[k][at] != (uint8_t)(i << 6 | (k & 0x3f)))
						fail_test("record %d of thread %u was written over", k, i);
		hold_empty(hold);
	}
	hold_close(hold);
}

/* The last byte is still in the buffer, and the one after that is not. */
static void fills_to_the_end(void **state)
{
	struct hold *hold;

	(void)state;
	assert_done(hold_open(&hold, MIB, 0));
	memset(hold_take(hold, MIB - 64), 1, MIB - 64);
	memset(hold_take(hold, 64), 2, 64);
	assert_false(hold_is_full(hold));
	memset(hold_take(hold, 1), 3, 1);
	assert_true(hold_is_full(hold));
	hold_close(hold);
}

static void order_is_kept(void **state)
{
	enum { MANY = 5000 };
	struct hold *hold;

	(void)state;
	assert_done(hold_open(&hold, MIB, 0));
	for (uint64_t i = 0; i < MANY; i++)
		assert_done(hold_add(hold, (struct held){ hold_take(hold, 8), 8, i }));
	assert_int_equal(hold_count(hold), MANY);
	assert_int_equal(hold_used(hold), 8 * MANY);
	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(hold_at(hold, i)->pfns, i);
	hold_empty(hold);
	assert_int_equal(hold_count(hold), 0);
	assert_int_equal(hold_used(hold), 0);
	hold_close(hold);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_size),	    cmocka_unit_test(more_than_there_is),
		cmocka_unit_test(places_are_apart), cmocka_unit_test(fills_to_the_end),
		cmocka_unit_test(order_is_kept),    cmocka_unit_test(limit_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
