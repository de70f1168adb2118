/* daemon/lines.c: however bytes are cut, the lines are the same; none is longer than the room for it. */
#include "unit.h"

#include "daemon/lines.h"

static void put(struct lines *lines, const char *bytes, size_t count)
{
	size_t room;
	char *to = lines_space(lines, &room);

	assert_true(count <= room);
	memcpy(to, bytes, count);
	lines_filled(lines, count);
}

static void expect_line(struct lines *lines, const char *text, size_t count)
{
	size_t length = 0;
	char *line = lines_next(lines, &length);

	assert_non_null(line);
	assert_int_equal(length, count);
	assert_memory_equal(line, text, count + 1);
}

static void lines_are_cut_out(void **state)
{
	struct lines lines;
	size_t length;

	(void)state;
	assert_done(lines_init(&lines, 16));
	put(&lines, "one\n\ntwo", 8);
	expect_line(&lines, "one", 3);
	expect_line(&lines, "", 0);
	assert_null(lines_next(&lines, &length));
	put(&lines, "\0two\nthree", 10);
	expect_line(&lines, "two\0two", 7);
	assert_null(lines_next(&lines, &length));
	assert_false(lines_is_full(&lines));
	lines_release(&lines);
}

static void longest_line_fits(void **state)
{
	struct lines lines;
	size_t length, room;

	(void)state;
	assert_done(lines_init(&lines, 8));
	put(&lines, "1234567\n", 8);
	assert_true(lines_is_full(&lines));
	expect_line(&lines, "1234567", 7);
	assert_false(lines_is_full(&lines));
	put(&lines, "12345678", 8);
	assert_null(lines_next(&lines, &length));
	assert_true(lines_is_full(&lines));
	lines_space(&lines, &room);
	assert_int_equal(room, 0);
	lines_drop(&lines);
	put(&lines, "9\n", 2);
	expect_line(&lines, "9", 1);
	lines_release(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_cut_out),
		cmocka_unit_test(longest_line_fits),
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
