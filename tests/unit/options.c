/* text/options.c: the rows are what they claim to be, and the commands and the engine agree with them. */
#include "unit.h"

#include "cli/command.h"
#include "daemon/request.h"
#include "migrate/live.h"
#include "p2m/p2m.h"
#include "stream/connect.h"
#include "stream/writer.h"
#include "text/allow.h"
#include "text/options.h"

#define WHERE(row) (row)->commands, (row)->name

#define NAME(name, operands, summary) #name,
static const char *const commands_known[] = { COMMANDS(NAME) };
static const char *const requests[] = { "migrate", "jobs", "follow", "cancel", "set" };

static const struct option_row *find(const char *command, enum option_id option)
{
	const struct option_row *row = NULL;

	do
		row = option_of_command(row, command);
	while (row && row->option != option);
	assert_non_null(row);
	return row;
}

/* --- the rows ------------------------------------------------------------------- */

static bool is_known(const char *words, bool (*knows)(const char *word, size_t length))
{
	for (; *words; words += strcspn(words, " "), words += strspn(words, " "))
		if (!knows(words, strcspn(words, " ")))
			return false;
	return true;
}

static bool is_command(const char *word, size_t length)
{
	for (size_t i = 0; i < COUNT(commands_known); i++)
		if (strlen(commands_known[i]) == length && !memcmp(commands_known[i], word, length))
			return true;
	return false;
}

static bool is_request(const char *word, size_t length)
{
	for (size_t i = 0; i < COUNT(requests); i++)
		if (strlen(requests[i]) == length && !memcmp(requests[i], word, length))
			return true;
	return false;
}

static void rows_fit_together(void **state)
{
	(void)state;
	for (const struct option_row *row = option_rows; row < option_rows + option_count; row++) {
		bool has_bounds = row->type == TAKES_NUMBER;
		bool has_words = row->type == TAKES_WORD || row->type == TAKES_WORDS;

		if (strcmp(row->commands, "*") && !is_known(row->commands, is_command))
			fail_test("--%s: \"%s\" are no commands", row->name, row->commands);
		if ((row->requests && !is_known(row->requests, is_request)) ||
		    (row->needed && !is_known(row->needed, is_request)))
			fail_test("%s: unknown request", row->name);
		if (!*row->commands && !row->requests)
			fail_test("%s: no command and no request takes it", row->name);
		if (has_bounds != (row->least != row->most) || row->least > row->most)
			fail_test("%s: --%s: bounds", WHERE(row));
		if ((has_words && !row->words) || (!has_words && !has_bounds && row->words))
			fail_test("%s: --%s: words", WHERE(row));
		if (*row->commands && (row->type == TAKES_NOTHING) != !row->value)
			fail_test("%s: --%s: a value has a name in --help", WHERE(row));
		if (!*row->help)
			fail_test("%s: --%s: no help", WHERE(row));
	}
}

/* Two rows of one name would leave it to chance which one counts. */
static void names_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(commands_known); i++)
		for (const struct option_row *a = NULL; (a = option_of_command(a, commands_known[i]));)
			for (const struct option_row *b = a; (b = option_of_command(b, commands_known[i]));)
				if (!strcmp(a->name, b->name) || (a->letter && a->letter == b->letter))
					fail_test("%s: --%s and --%s", commands_known[i], a->name, b->name);
	for (size_t i = 0; i < COUNT(requests); i++)
		for (const struct option_row *a = NULL; (a = option_of_request(a, requests[i]));)
			for (const struct option_row *b = a; (b = option_of_request(b, requests[i]));)
				if (!strcmp(a->name, b->name))
					fail_test("%s: \"%s\" twice", requests[i], a->name);
}

/* What pvferryd gives to `pvferry migrate` must be one of its options, under the same bounds. */
static void requests_are_options(void **state)
{
	const struct option_row *row = NULL;
	unsigned int count = 0;

	(void)state;
	while ((row = option_of_request(row, "migrate"))) {
		count++;
		if (*row->commands && option_word(row->commands, "migrate") < 0)
			fail_test("\"%s\" is no option of migrate", row->name);
	}
	assert_in_range(count, 20, REQUEST_WORDS - 8);
	for (row = NULL; (row = option_of_request(row, "set"));)
		if (row->option != OPTION_JOB && (row->type != TAKES_NUMBER || !row->unit))
			fail_test("set: \"%s\" needs a unit", row->name);
}

/* --- the engine's own names ------------------------------------------------------ */

static void words_are_the_engines(void **state)
{
	const struct option_row *p2m = find("save", OPTION_P2M), *via = find("migrate", OPTION_VIA);
	const struct option_row *allow = find("restore", OPTION_ALLOW);
	enum via way;

	(void)state;
	for (int i = P2M_AUTO; i <= P2M_LIST; i++)
		assert_int_equal(option_word(p2m->words, p2m_form_name(i)), i);
	assert_true(via_parse("tls", &way) && option_word(via->words, "tls") == (int)way);
	assert_true(via_parse("ssh", &way) && option_word(via->words, "ssh") == (int)way);
	assert_true(via_parse("tcp", &way) && option_word(via->words, "tcp") == (int)way);
	for (unsigned int what = 1; what <= ALLOW_BOOT; what <<= 1)
		assert_true(option_word(allow->words, allow_word(what)) >= 0);
	assert_non_null(strstr(allow->help, ALLOW_WORDS));
	assert_int_equal(option_word("auto content log", "auto"), DIRTY_AUTO);
	assert_string_equal(find("save", OPTION_DIRTY_TRACKING)->words, "auto content log");
}

static void bounds_are_the_engines(void **state)
{
	static const char *const commands_with_level[] = { "save", "migrate", "merge" };

	(void)state;
	for (size_t i = 0; i < COUNT(commands_with_level); i++) {
		assert_int_equal(find(commands_with_level[i], OPTION_LEVEL)->least, LEVEL_LEAST);
		assert_int_equal(find(commands_with_level[i], OPTION_LEVEL)->most, LEVEL_MOST);
	}
	assert_non_null(strstr(find("migrate", OPTION_PKI)->help, PKI_DEFAULT));
}

/* --- values ------------------------------------------------------------------------- */

static void values_are_checked(void **state)
{
	static const struct {
		const char *command;
		enum option_id option;
		const char *text;
		bool is_right;
		long number;
		int word;
	} rows[] = {
		{ "save", OPTION_LEVEL, "-7", true, -7, -1 },
		{ "save", OPTION_LEVEL, "19", true, 19, -1 },
		{ "save", OPTION_LEVEL, "auto", true, 0, 0 },
		{ "save", OPTION_LEVEL, "-8", false, 0, 0 },
		{ "save", OPTION_LEVEL, "20", false, 0, 0 },
		{ "save", OPTION_LEVEL, "aut", false, 0, 0 },
		{ "merge", OPTION_LEVEL, "auto", false, 0, 0 },
		{ "save", OPTION_THREADS, "0", false, 0, 0 },
		{ "save", OPTION_THREADS, "64", true, 64, -1 },
		{ "save", OPTION_THREADS, "-1", false, 0, 0 },
		{ "save", OPTION_THREADS, "4x", false, 0, 0 },
		{ "save", OPTION_THREADS, "", false, 0, 0 },
		{ "save", OPTION_MAX_ROUNDS, "0", false, 0, 0 },
		{ "migrate", OPTION_MAX_ROUNDS, "0", true, 0, -1 },
		{ "migrate", OPTION_VIA, "ssh", true, 0, 1 },
		{ "migrate", OPTION_VIA, "", false, 0, 0 },
		{ "migrate", OPTION_VIA, "tls ssh", false, 0, 0 },
		{ "migrate", OPTION_PKI, "", false, 0, 0 },
		{ "migrate", OPTION_SSH, "", true, 0, -1 },
		{ "restore", OPTION_ALLOW, "scripts,pools msrs", true, 0, -1 },
		{ "restore", OPTION_ALLOW, "scripts,pool", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct option_row *row = find(rows[i].command, rows[i].option);
		struct option_value value;

		if (option_parse(row, rows[i].text, &value) != rows[i].is_right)
			fail_test("%s: --%s %s", rows[i].command, row->name, rows[i].text);
		if (rows[i].is_right && (value.number != rows[i].number || value.word != rows[i].word))
			fail_test("%s: --%s %s: %ld, %d", rows[i].command, row->name, rows[i].text,
				  value.number, value.word);
	}
}

static void expectations_are_sentences(void **state)
{
	char text[300];

	(void)state;
	assert_string_equal(option_expects(find("save", OPTION_LEVEL), text, sizeof(text)),
			    "a whole number from -7 to 19, or auto");
	assert_string_equal(option_expects(find("merge", OPTION_THREADS), text, sizeof(text)),
			    "a whole number from 1 to 64");
	assert_string_equal(option_expects(find("migrate", OPTION_VIA), text, sizeof(text)),
			    "tls, ssh or tcp");
	assert_string_equal(option_expects(find("restore", OPTION_ALLOW), text, sizeof(text)), ALLOW_WORDS);
	assert_string_equal(option_expects(find("migrate", OPTION_PKI), text, 6), "the n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_fit_together),	      cmocka_unit_test(names_are_unique),
		cmocka_unit_test(requests_are_options),	      cmocka_unit_test(words_are_the_engines),
		cmocka_unit_test(bounds_are_the_engines),     cmocka_unit_test(values_are_checked),
		cmocka_unit_test(expectations_are_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
