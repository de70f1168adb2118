/* text/text.c: numbers of others, and their text on its way to a terminal. */
#include "unit.h"

#include "text/text.h"

static void numbers_are_digits(void **state)
{
	static const struct {
		const char *text;
		uint64_t most, number;
	} rows[] = {
		{ "0", 0, 0 },
		{ "7", 7, 7 },
		{ "007", 7, 7 },
		{ "4294967295", UINT32_MAX, UINT32_MAX },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
	};
	uint64_t number;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(text_number(rows[i].text, rows[i].most, &number));
		assert_int_equal(number, rows[i].number);
	}
}

static void other_numbers_are_refused(void **state)
{
	static const struct {
		const char *text;
		uint64_t most;
	} rows[] = {
		{ "", 9 },
		{ "+3", 9 },
		{ "-3", 9 },
		{ " 3", 9 },
		{ "\t3", 9 },
		{ "\n3", 9 },
		{ "3 ", 9 },
		{ "3x", 9 },
		{ "0x3", 9 },
		{ "8", 7 },
		{ "1", 0 },
		{ "10", 9 },
		{ "65536", UINT16_MAX },
		{ "18446744073709551616", UINT64_MAX },
		{ "99999999999999999999999", UINT64_MAX },
		{ "9223372036854775808", INT64_MAX },
	};
	uint64_t number = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (text_number(rows[i].text, rows[i].most, &number) || number != 42)
			fail_test("\"%s\" is taken for %lu", rows[i].text, number);
}

static void durations_have_a_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = { { "0", 0 },	  { "30", 30000 },
		     { "500ms", 500 },	  { "30s", 30000 },
		     { "5m", 300000 },	  { "2h", 7200000 },
		     { "7d", 604800000 }, { "4294967295s", 4294967295000 } };
	static const char *const others[] = { "",   "s",  "-1s", "1.5s",	"1 s",
					      "1x", "1S", "s1",	 "4294967296s", "99999999999" };
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(text_duration(rows[i].text, &ms));
		assert_int_equal(ms, rows[i].ms);
	}
	ms = 42;
	for (size_t i = 0; i < COUNT(others); i++)
		if (text_duration(others[i], &ms) || ms != 42)
			fail_test("\"%s\" is taken for %lu ms", others[i], ms);
}

static const struct {
	const char *text, *line, *json;
} samples[] = {
	{ "", "", "" },
	{ "web1: 4 \xc2\xb5s, gr\xc3\xbc\xc3\x9f", "web1: 4 \xc2\xb5s, gr\xc3\xbc\xc3\x9f", NULL },
	{ "\xe2\x82\xac \xf0\x9f\x90\xa7", "\xe2\x82\xac \xf0\x9f\x90\xa7", NULL },
	{ "a\\x1b", "a\\x1b", NULL },
	{ "a\x1b[2Jb", "a\\x1b[2Jb", "a\\u001b[2Jb" },
	{ "a\rb\x07\x08", "a\\x0db\\x07\\x08", "a\\u000db\\u0007\\u0008" },
	{ "a\x7f", "a\\x7f", "a\\u007f" },
	{ "\xc2\x9b"
	  "31m \xc2\x80\xc2\x9f\xc2\xa0",
	  "\\u009b31m \\u0080\\u009f\xc2\xa0", "\\u009b31m \\u0080\\u009f\xc2\xa0" },
	{ "\xe2\x80\xae \xe2\x81\xa6 \xe2\x80\xa9", "\\u202e \\u2066 \\u2029", "\\u202e \\u2066 \\u2029" },
	{ "\x9b"
	  "31m",
	  "\\x9b31m", "\\ufffd31m" },
	{ "\xc2", "\\xc2", "\\ufffd" },
	{ "\xc0\x9b", "\\xc0\\x9b", "\\ufffd\\ufffd" },
	{ "\xe2\x80", "\\xe2\\x80", "\\ufffd\\ufffd" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd" },
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
};

static void text_is_made_visible(void **state)
{
	char once[128], twice[128];

	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		assert_string_equal(text_visible(once, sizeof(once), samples[i].text), samples[i].line);
		assert_string_equal(text_visible(twice, sizeof(twice), once), once);
		assert_int_equal(text_is_plain(samples[i].text), !strcmp(samples[i].text, once));
	}
	assert_string_equal(text_visible(once, sizeof(once), "a\nb\tc"), "a\\x0ab\\x09c");
}

static void text_is_cut_between_characters(void **state)
{
	char little[6];

	(void)state;
	assert_string_equal(text_visible(little, sizeof(little), "abcdefg"), "abcde");
	assert_string_equal(text_visible(little, sizeof(little), "abcd\xc3\xbc"), "abcd");
	assert_string_equal(text_visible(little, sizeof(little), "abc\xc3\xbc"), "abc\xc3\xbc");
	assert_string_equal(text_visible(little, sizeof(little), "ab\x1bx"), "ab");
	assert_string_equal(text_visible(little, 1, "ab"), "");
}

static char *printed(void (*print)(FILE *, const char *), const char *text)
{
	static char at[256];
	FILE *file = fmemopen(at, sizeof(at), "w");

	print(file, text);
	fclose(file);
	return at;
}

static void text_is_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		const char *json = samples[i].json ? samples[i].json : samples[i].text;

		assert_string_equal(printed(text_print_lines, samples[i].text), samples[i].line);
		assert_string_equal(printed(text_print_json, samples[i].text), json);
	}
	assert_string_equal(printed(text_print_lines, "{\n\t1\x1b\n}"), "{\n\t1\\x1b\n}");
	assert_string_equal(printed(text_print_json, "{\n\t1\n}"), "{\n\t1\n}");
}

/* What a guest, a file or a peer wrote comes with reasons and notes. */
static char said[1024];

static void hear(enum say_level level, const char *text)
{
	(void)level;
	snprintf(said, sizeof(said), "%s", text);
}

static void reasons_and_notes_are_one_visible_line(void **state)
{
	(void)state;
	assert_int_equal(fail(EBADMSG, "type \"%s\"", "\x1b[2J\npvferry: web1: sound \xc2\x9b"), -EBADMSG);
	assert_string_equal(fail_reason(), "type \"\\x1b[2J\\x0apvferry: web1: sound \\u009b\"");
	fail_forget();
	errno = ENOENT;
	assert_int_equal(fail_errno("%s", "a\nb"), -ENOENT);
	assert_string_equal(fail_reason(), "a\\x0ab: No such file or directory");
	fail_forget();
	say_to = hear;
	say(SAY_WARNING, "%s", "\x1b]0;owned\x07");
	say_to = NULL;
	assert_string_equal(said, "\\x1b]0;owned\\x07");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_digits),
		cmocka_unit_test(other_numbers_are_refused),
		cmocka_unit_test(durations_have_a_unit),
		cmocka_unit_test(text_is_made_visible),
		cmocka_unit_test(text_is_cut_between_characters),
		cmocka_unit_test(text_is_printed),
		cmocka_unit_test(reasons_and_notes_are_one_visible_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
