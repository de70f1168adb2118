/* p2m/inverse.c: mfn -> pfn, whatever the host's frames look like. */
#include "unit.h"

#include "p2m/inverse.h"

enum { PFNS = 20000 };

static struct p2m p2m;
static struct inverse inverse;

static int setup(void **state)
{
	(void)state;
	p2m = (struct p2m){ .count = PFNS, .mfn = calloc(PFNS, sizeof(mfn_t)) };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	inverse_release(&inverse);
	free(p2m.mfn);
	return 0;
}

static uint64_t once(uint64_t mfn)
{
	return inverse_pfn_once(&inverse, mfn);
}

/* All that lie around the guest's frames, and what is nobody's, in blocks of many. */
static void check_many(uint64_t first, unsigned int step)
{
	uint64_t frame[INVERSE_MANY];

	for (unsigned int i = 0; i < INVERSE_MANY; i++)
		frame[i] = first + i * step;
	inverse_pfns(&inverse, frame, INVERSE_MANY);
	for (unsigned int i = 0; i < INVERSE_MANY; i++)
		if (frame[i] != once(first + i * step))
			fail_test("mfn %#lx: %#lx among many, %#lx alone", first + i * step, frame[i],
				  once(first + i * step));
}

/* Where a group answers as a whole, its answer is that of each. */
static unsigned int check_rows(void)
{
	unsigned int rows = 0;

	for (uint64_t mfn = inverse.first; mfn < inverse.first + inverse.frames; mfn += INVERSE_GROUP) {
		uint64_t row = inverse_row(&inverse, mfn + 77);
		bool holds = once(mfn) != INVALID_FRAME;

		for (unsigned int i = 0; holds && i < INVERSE_GROUP; i++)
			holds = once(mfn + i) == once(mfn) + i;
		assert_int_equal(row != NOT_IN_A_ROW, holds);
		if (holds)
			assert_int_equal(row, once(mfn));
		rows += holds;
	}
	assert_int_equal(inverse_row(&inverse, inverse.first - 1), NOT_IN_A_ROW);
	assert_int_equal(inverse_row(&inverse, inverse.first + inverse.frames), NOT_IN_A_ROW);
	return rows;
}

/* Every pfn is found by its frame, and no pfn by any other. Returns how many groups have theirs in a row. */
static unsigned int check_all(void)
{
	uint64_t found = 0;

	assert_done(inverse_init(&inverse, &p2m));
	for (uint64_t pfn = 0; pfn < p2m.count; pfn++) {
		if (!mfn_is_valid(p2m.mfn[pfn]))
			continue;
		assert_true(inverse_has(&inverse, p2m.mfn[pfn].n));
		assert_int_equal(once(p2m.mfn[pfn].n), pfn);
	}
	for (uint64_t mfn = inverse.first; mfn < inverse.first + inverse.frames; mfn++)
		found += once(mfn) != INVALID_FRAME;
	assert_int_equal(found, inverse.count);
	for (uint64_t at = 0; at < inverse.frames + 1000; at += inverse.frames / 300 + 1) {
		check_many(inverse.first + at - 500, 1);
		check_many(inverse.first + at, 997);
	}
	check_many(INVALID_FRAME - 100, 1);
	assert_int_equal(once(INVALID_FRAME), INVALID_FRAME);
	assert_int_equal(once(inverse.first - 1), INVALID_FRAME);
	assert_int_equal(once(inverse.first + inverse.frames), INVALID_FRAME);
	return check_rows();
}

static void contiguous(void **state)
{
	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN(0x100007 + pfn);
	assert_int_equal(check_all(), 38); /* the first group and the last are not whole */
	assert_int_equal(inverse.count, PFNS);
	assert_int_equal(once(0x100006), INVALID_FRAME);
	assert_int_equal(once(0x100007 + PFNS), INVALID_FRAME);
}

static void backwards(void **state)
{
	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN(PFNS - pfn);
	assert_int_equal(check_all(), 0);
}

/* All over a host of 64 GiB. */
static void scattered(void **state)
{
	uint64_t random = 5;

	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN(pfn * 6977 % PFNS * 838 + next_random(&random) % 838);
	check_all();
	assert_true(inverse.frames > 15 << 20);
	assert_true(inverse.frames <= 16 << 20);
}

/* Runs of neighbours with gaps between them. */
static void runs(void **state)
{
	uint64_t random = 6, mfn = 1;

	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++) {
		p2m.mfn[pfn] = MFN(mfn);
		mfn += next_random(&random) % 8 ? 1 : 1 + next_random(&random) % 3000;
	}
	check_all();
}

static void holes(void **state)
{
	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN(pfn % 3 ? pfn : INVALID_FRAME);
	check_all();
	assert_int_equal(inverse.count, PFNS - (PFNS + 2) / 3);
	assert_int_equal(once(3), INVALID_FRAME);
}

static void first_frame_of_the_host(void **state)
{
	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN(pfn);
	assert_int_equal(check_all(), PFNS / 512);
	assert_int_equal(once(0), 0);
}

/* Whole groups of 512 with pfns in a row, in any order; one with two pfns swapped; one with a hole. */
static void rows(void **state)
{
	mfn_t last;

	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN((100 + pfn / 512 * 7 % 40) * 512 + pfn % 512);
	p2m.mfn[512 * 3 + 5].n ^= 1;
	p2m.mfn[512 * 3 + 4].n ^= 1;
	p2m.mfn[512 * 4 + 511] = MFN(INVALID_FRAME);
	last = p2m.mfn[512 * 5 + 511];
	p2m.mfn[512 * 5 + 511] = p2m.mfn[512 * 6 + 511];
	p2m.mfn[512 * 6 + 511] = last;
	check_all();
	assert_int_equal(inverse_row(&inverse, p2m.mfn[600].n), 512);
	assert_int_equal(inverse_row(&inverse, p2m.mfn[512 * 2 + 511].n), 512 * 2);
	assert_int_equal(inverse_row(&inverse, p2m.mfn[512 * 3].n), NOT_IN_A_ROW);
	assert_int_equal(inverse_row(&inverse, p2m.mfn[512 * 4].n), NOT_IN_A_ROW);
	assert_int_equal(inverse_row(&inverse, p2m.mfn[512 * 5].n), NOT_IN_A_ROW);
	assert_int_equal(inverse_row(&inverse, p2m.mfn[PFNS - 1].n), NOT_IN_A_ROW);
	assert_int_equal(inverse_row(&inverse, INVALID_FRAME), NOT_IN_A_ROW);
}

static void few_at_once(void **state)
{
	uint64_t frame[3];

	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN(pfn + 1000);
	assert_done(inverse_init(&inverse, &p2m));
	frame[0] = 1000;
	frame[1] = 999;
	frame[2] = 1002;
	inverse_pfns(&inverse, frame, 2);
	assert_int_equal(frame[0], 0);
	assert_int_equal(frame[1], INVALID_FRAME);
	assert_int_equal(frame[2], 1002);
}

static void nothing_at_all(void **state)
{
	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN(INVALID_FRAME);
	check_all();
	assert_int_equal(inverse.count, 0);
	assert_int_equal(once(0), INVALID_FRAME);
}

static void one_frame_twice_is_refused(void **state)
{
	(void)state;
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		p2m.mfn[pfn] = MFN(pfn + 512);
	p2m.mfn[0x1000] = p2m.mfn[0x20];
	assert_fails(inverse_init(&inverse, &p2m), EEXIST, "pfns 0x20 and 0x1000 both claim mfn 0x220");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(contiguous),     TEST(backwards),
		TEST(scattered),      TEST(runs),
		TEST(holes),	      TEST(first_frame_of_the_host),
		TEST(rows),	      TEST(few_at_once),
		TEST(nothing_at_all), TEST(one_frame_twice_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
