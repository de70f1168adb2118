/* helper/stock.c: what a stock helper is and what is none. */
#include "unit.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/stock.h"

static char folder[] = "/tmp/pvferry-stock-XXXXXX", script[64], told[64];

static void make_script(const char *text, mode_t mode)
{
	FILE *file = fopen(script, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(script, mode), 0);
}

/* The status of a child that becomes it; 99: it did not. */
static int status_of(const char *configured, char **argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		stock_exec(configured, argv);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Each word whole, the empty one and the one with a blank too. */
static void words_are_handed_on(void **state)
{
	char *argv[] = { "helper", "--save-domain", "", "a b", told, NULL };
	char got[128] = "";
	FILE *file;

	(void)state;
	make_script("#!/bin/sh\nprintf '%s|' \"$@\" >\"$4\"\nexit 7\n", 0700);
	assert_int_equal(status_of(script, argv), 7);
	file = fopen(told, "re");
	assert_non_null(file);
	assert_non_null(fgets(got, sizeof(got), file));
	fclose(file);
	assert_int_equal(strncmp(got, "--save-domain||a b|/", 20), 0);
}

static void assert_refused(const char *configured)
{
	char *argv[] = { "helper", NULL };

	assert_fails(stock_exec(configured, argv), ENOENT, configured);
}

static void what_cannot_be_run_is_refused(void **state)
{
	(void)state;
	assert_refused("/nonexistent/helper");
	assert_refused(folder);
	make_script("#!/bin/sh\n", 0600);
	assert_refused(script);
	make_script("#!/nonexistent/sh\n", 0700);
	assert_refused(script);
}

/* As after dpkg-divert and a link, whichever: it would hand over to itself for ever. */
static void itself_is_no_other(void **state)
{
	char self[PATH_MAX], *argv[] = { "helper", NULL };
	ssize_t count = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)state;
	assert_true(count > 0);
	self[count] = '\0';
	assert_int_equal(status_of(self, argv), 99);
	unlink(script);
	assert_int_equal(symlink(self, script), 0);
	assert_int_equal(status_of(script, argv), 99);
	unlink(script);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_handed_on),
		cmocka_unit_test(what_cannot_be_run_is_refused),
		cmocka_unit_test(itself_is_no_other),
	};
	int failed;

	if (argc && !strcmp(argv[0], "helper"))
		return 1;
	if (!mkdtemp(folder))
		return 1;
	snprintf(script, sizeof(script), "%s/helper", folder);
	snprintf(told, sizeof(told), "%s/told", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(script);
	unlink(told);
	rmdir(folder);
	return failed;
}
