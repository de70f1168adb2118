/* Frames that were made without zstd: zstd expands them, their checksum counts, and zeroes take no room. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "stream/format.h"
#include "stream/writer.h"

enum { HEAD = 4112, PAGES = 512, MOST = HEAD + PAGES * PAGE_BYTES };

static uint8_t content[MOST], expanded[MOST];
static uint8_t stored[MOST + MOST / 8];

/* A record's words, and behind them pages: of zeroes where a bit of the pattern is 0, the pattern coming again and again. */
static size_t make_record(size_t head, unsigned int pages, uint32_t pattern)
{
	for (size_t i = 0; i < head; i++)
		content[i] = i * 7;
	for (unsigned int page = 0; page < pages; page++) {
		uint8_t *at = content + head + (size_t)page * PAGE_BYTES;

		memset(at, 0, PAGE_BYTES);
		if (pattern >> page % 32 & 1)
			at[page * 37 % PAGE_BYTES] = 1;
	}
	return head + (size_t)pages * PAGE_BYTES;
}

static size_t store(size_t count)
{
	ssize_t bytes = frame_store(stored, sizeof(stored), content, count);

	assert_true(bytes > 0);
	assert_true((size_t)bytes <= frame_stored_bound(count));
	return bytes;
}

static void check(size_t head, unsigned int pages, uint32_t pattern)
{
	size_t count = make_record(head, pages, pattern), bytes = store(count);

	assert_int_equal(ZSTD_findFrameCompressedSize(stored, bytes), bytes);
	assert_int_equal(ZSTD_getFrameContentSize(stored, bytes), count);
	memset(expanded, 0xaa, sizeof(expanded));
	assert_int_equal(ZSTD_decompress(expanded, sizeof(expanded), stored, bytes), count);
	assert_memory_equal(expanded, content, count);
}

static void zstd_expands_them(void **state)
{
	static const uint32_t patterns[] = { 0, ~0u, 1, 1u << 31, 0x55555555, 0xffff0000, 0x0ff00ff0 };
	static const size_t heads[] = { 0, 8, 24, 4088, HEAD };

	(void)state;
	for (size_t p = 0; p < sizeof(patterns) / sizeof(*patterns); p++)
		for (size_t h = 0; h < sizeof(heads) / sizeof(*heads); h++)
			for (unsigned int pages = heads[h] ? 0 : 1; pages <= PAGES; pages = pages * 3 + 1)
				check(heads[h], pages, patterns[p]);
	check(HEAD, PAGES, ~0u);
	check(HEAD, PAGES, 0);
}

static void zeroes_take_no_room(void **state)
{
	size_t empty, half, full;

	(void)state;
	empty = store(make_record(HEAD, PAGES, 0));
	half = store(make_record(HEAD, PAGES, 0xffff0000));
	full = store(make_record(HEAD, PAGES, ~0u));
	assert_in_range(empty, HEAD, HEAD + 128);
	assert_in_range(half, HEAD + PAGES / 2 * PAGE_BYTES, HEAD + PAGES / 2 * PAGE_BYTES + 512);
	assert_in_range(full, MOST, MOST + 128);
}

static void checksum_counts(void **state)
{
	size_t count = make_record(24, 3, 5), bytes = store(count);

	(void)state;
	for (size_t i = 0; i < bytes; i += 5) {
		size_t got;

		stored[i] ^= 0x10;
		got = ZSTD_decompress(expanded, sizeof(expanded), stored, bytes);
		assert_true(ZSTD_isError(got));
		stored[i] ^= 0x10;
	}
}

static void room_is_checked(void **state)
{
	size_t count = make_record(24, 3, 5);

	(void)state;
	assert_fails(frame_store(stored, frame_stored_bound(count) - 1, content, count), EINVAL, "do not go");
	assert_fails(frame_store(stored, sizeof(stored), content, 0), EINVAL, "do not go");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(zstd_expands_them),
		cmocka_unit_test(zeroes_take_no_room),
		cmocka_unit_test(checksum_counts),
		cmocka_unit_test(room_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
