/* helper/settings.c: what helper.conf and PVFERRY_HELPER say, and what is said of it that cannot be understood. */
#include "unit.h"

#include <unistd.h>

#include "helper/settings.h"

enum { SAID_MOST = 16 };

static char said[SAID_MOST][512];
static unsigned int said_count;
static struct settings settings;

static void keep(enum say_level level, const char *text)
{
	assert_int_equal(level, SAY_WARNING);
	assert_true(said_count < SAID_MOST);
	snprintf(said[said_count++], sizeof(said[0]), "%s", text);
}

static int setup(void **state)
{
	(void)state;
	said_count = 0;
	say_to = keep;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	say_to = NULL;
	fail_forget();
	return 0;
}

static char path[] = "/tmp/pvferry-helper.conf-XXXXXX";

/* From a file with this in it. */
static void read_conf(const char *text, const char *variable)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	said_count = 0;
	settings_read(&settings, path, variable);
}

/* The text, which begins with its place: ":5: ..." is line 5 of the file. */
static void assert_said(unsigned int which, const char *text)
{
	const char *at = said[which];

	assert_true(which < said_count);
	if (*text == ':' && !strncmp(at, path, strlen(path)))
		at += strlen(path);
	if (strcmp(at, text))
		fail_test("\"%s\", not \"%s\"", at, text);
}

static void assert_defaults(void)
{
	assert_int_equal(settings.max_downtime_ms, 300);
	assert_int_equal(settings.max_suspended_seconds, 0);
	assert_int_equal(settings.max_rounds, 30);
	assert_int_equal(settings.bandwidth_bytes, 0);
	assert_int_equal(settings.tracking, DIRTY_AUTO);
	assert_in_range(settings.threads, 1, 8);
	assert_false(settings.ignores_cpu);
	assert_string_equal(settings.stock_helper, "");
}

static void nothing_need_be_said(void **state)
{
	(void)state;
	settings_read(&settings, "/nonexistent/helper.conf", NULL);
	assert_defaults();
	read_conf("", "");
	assert_defaults();
	read_conf("\n  # max-rounds = 7\n\t\n#\n", " , ;\n");
	assert_defaults();
	assert_int_equal(said_count, 0);
}

/* The example that is installed: every line of it can be taken out of its comment. */
static void the_example_is_true(void **state)
{
	static char text[8192];
	FILE *file = fopen("helper/helper.conf", "re");
	unsigned int count = 0;
	char line[256];

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		bool is_setting = line[0] == '#' && line[1] >= 'a' && line[1] <= 'z';

		strcat(text, line + is_setting);
		count += is_setting;
	}
	fclose(file);
	read_conf(text, NULL);
	assert_int_equal(said_count, 0);
	assert_int_equal(count, 8);
	assert_string_not_equal(settings.stock_helper, "");
	settings.stock_helper[0] = '\0';
	assert_defaults();
}

static void lines_are_read(void **state)
{
	(void)state;
	read_conf("max-downtime=1\nmax-suspended = 86400\n\t max-rounds \t=  1000000  # many\r\nbandwidth = "
		  "1048576\n"
		  "dirty-tracking = log\nthreads = 64\ncpu-features = ignore\nstock-helper = /a b/c",
		  NULL);
	assert_int_equal(said_count, 0);
	assert_int_equal(settings.max_downtime_ms, 1);
	assert_int_equal(settings.max_suspended_seconds, 86400);
	assert_int_equal(settings.max_rounds, 1000000);
	assert_int_equal(settings.bandwidth_bytes, 1ULL << 40);
	assert_int_equal(settings.tracking, DIRTY_LOG);
	assert_int_equal(settings.threads, 64);
	assert_true(settings.ignores_cpu);
	assert_string_equal(settings.stock_helper, "/a b/c");
}

static void the_variable_goes_before_the_file(void **state)
{
	(void)state;
	read_conf("max-rounds = 5\nmax-downtime = 6\ndirty-tracking = log\n",
		  "max-rounds=7,dirty-tracking=content;threads=3 max-rounds=8");
	assert_int_equal(said_count, 0);
	assert_int_equal(settings.max_rounds, 8);
	assert_int_equal(settings.max_downtime_ms, 6);
	assert_int_equal(settings.tracking, DIRTY_CONTENT);
	assert_int_equal(settings.threads, 3);
}

/* Just outside of what is taken, and what looks like a number: named with its place, and all is as without. */
static void what_is_wrong_is_named(void **state)
{
	(void)state;
	read_conf("max-downtime = 0\nmax-downtime = 3600001\n\nmax-rounds = -1\nmax-rounds = 1000001\n"
		  "bandwidth = 1048577\nbandwidth = 5M\nthreads = 65\nthreads =\n"
		  "max-rounds = 99999999999999999999\ncpu-features = yes\nstock-helper = helper\n"
		  "max_rounds = 5\n= 5\nmax-rounds\nmax-suspended = 86401\n",
		  NULL);
	assert_int_equal(said_count, 15);
	assert_said(0, ":1: max-downtime takes milliseconds, 1 to 3600000, not \"0\"; left out");
	assert_said(1, ":2: max-downtime takes milliseconds, 1 to 3600000, not \"3600001\"; left out");
	assert_said(2, ":4: max-rounds takes a number up to 1000000; 0: no limit, not \"-1\"; left out");
	assert_said(5, ":7: bandwidth takes MiB a second, up to 1048576; 0: no limit, not \"5M\"; left out");
	assert_said(7, ":9: threads takes a number from 1 to 64, not \"\"; left out");
	assert_said(10, ":12: stock-helper takes the path of a program, not \"helper\"; left out");
	assert_said(11, ":13: unknown setting \"max_rounds\"; left out");
	assert_said(12, ":14: unknown setting \"\"; left out");
	assert_said(13, ":15: \"max-rounds\" is not KEY = VALUE; left out");
	assert_said(14,
		    ":16: max-suspended takes seconds, up to 86400; 0: no limit, not \"86401\"; left out");
	assert_defaults();
}

static void the_variable_is_a_place_too(void **state)
{
	(void)state;
	read_conf("max-rounds = 4\n", "max-rounds = 5 threads=none");
	assert_int_equal(said_count, 4);
	assert_said(0, "PVFERRY_HELPER: \"max-rounds\" is not KEY = VALUE; left out");
	assert_said(3, "PVFERRY_HELPER: threads takes a number from 1 to 64, not \"none\"; left out");
	assert_int_equal(settings.max_rounds, 4);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	(void)state;
	settings_read(&settings, "helper/helper.conf/x", "max-rounds=9");
	assert_int_equal(said_count, 1);
	assert_said(0, "helper/helper.conf/x: Not a directory; left out");
	assert_int_equal(settings.max_rounds, 9);
}

/* A path as long as there can be, and one more than that. */
static void long_paths_are_kept_or_refused(void **state)
{
	static char text[PATH_MAX + 32];

	(void)state;
	snprintf(text, sizeof(text), "stock-helper=/%0*d", PATH_MAX - 2, 1);
	read_conf(text, NULL);
	assert_int_equal(said_count, 0);
	assert_int_equal(strlen(settings.stock_helper), PATH_MAX - 1);
	snprintf(text, sizeof(text), "stock-helper=/%0*d", PATH_MAX - 1, 1);
	read_conf(text, NULL);
	assert_int_equal(said_count, 1);
	assert_string_equal(settings.stock_helper, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(nothing_need_be_said),
		TEST(the_example_is_true),
		TEST(lines_are_read),
		TEST(the_variable_goes_before_the_file),
		TEST(what_is_wrong_is_named),
		TEST(the_variable_is_a_place_too),
		TEST(a_file_that_cannot_be_read_is_named),
		TEST(long_paths_are_kept_or_refused),
	};
	int failed;

	close(mkstemp(path));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
