/*
 * The pages describe each option of each command and each argument of the control socket, and no option that there
 * is not. Pages are read from man/, so this runs at the top of the tree, as `make test` does.
 */
#include "unit.h"

#include <ctype.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "text/options.h"

#define NAME(name, operands, summary) #name,
static const char *const commands_known[] = { COMMANDS(NAME) };
static const char *const requests[] = { "migrate", "jobs", "follow", "cancel", "set" };

/* The caller's to free; "" if there is no such file. */
static char *read_page(const char *path)
{
	FILE *file = fopen(path, "r");
	struct stat facts;
	char *text = NULL;

	if (file && !fstat(fileno(file), &facts))
		text = calloc(1, facts.st_size + 1);
	if (text && fread(text, 1, facts.st_size, file) != (size_t)facts.st_size)
		fail_test("cannot read %s", path);
	if (file)
		fclose(file);
	return text ? text : calloc(1, 1);
}

/* From its .SS to the next heading; the caller's to free. */
static char *section(const char *page, const char *name)
{
	char head[64];
	const char *at, *end, *next;

	snprintf(head, sizeof(head), "\n.SS %s\n", name);
	at = strstr(page, head);
	if (!at)
		return calloc(1, 1);
	at += strlen(head) - 1;
	end = strstr(at, "\n.SS ");
	next = strstr(at, "\n.SH ");
	if (!end || (next && next < end))
		end = next;
	return strndup(at, end ? (size_t)(end - at) : strlen(at));
}

static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* Is the name there, and not only as a part of a longer one? */
static bool has_name(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = text; (at = strstr(at, name)); at += length)
		if ((at == text || !is_of_name(at[-1])) && !is_of_name(at[length]))
			return true;
	return false;
}

static void check_options(const char *command, const char *const texts[3], int *wrong)
{
	char name[64];

	for (const struct option_row *row = NULL; (row = option_of_command(row, command));) {
		bool is_told = false;

		snprintf(name, sizeof(name), "--%s", row->name);
		for (int i = 0; i < 3; i++)
			is_told = is_told || has_name(texts[i], name);
		if (is_told)
			continue;
		print_error("no page of %s describes %s\n", command, name);
		++*wrong;
	}
}

static bool is_option(const char *name, size_t length)
{
	for (unsigned int i = 0; i < option_count; i++)
		if (*option_rows[i].commands && strlen(option_rows[i].name) == length &&
		    !memcmp(option_rows[i].name, name, length))
			return true;
	return false;
}

/* The other way round: what a page calls an option is one. */
static void check_names(const char *command, const char *text, int *wrong)
{
	for (const char *at = text; (at = strstr(at, "--"));) {
		bool begins = at == text || !(is_of_name(at[-1]) || at[-1] == '\\');
		size_t length = 0;

		at += 2;
		while (is_of_name(at[length]))
			length++;
		if (begins && islower((unsigned char)*at) && !is_option(at, length)) {
			print_error("the page of %s names --%.*s, which no command has\n", command,
				    (int)length, at);
			++*wrong;
		}
		at += length;
	}
}

static void pages_describe_each_option(void **state)
{
	char *main_page = read_page("man/pvferry.1"), *all = section(main_page, "All commands");
	int wrong = 0;

	(void)state;
	assert_true(strlen(main_page) > 10000 && strlen(all) > 100);
	for (size_t i = 0; i < COUNT(commands_known); i++) {
		const char *name = commands_known[i];
		char path[64], *own, *part = section(main_page, name);

		snprintf(path, sizeof(path), "man/pvferry-%s.1", name);
		own = read_page(path);
		if (!*part) {
			print_error("pvferry.1 has no section on %s\n", name);
			wrong++;
		}
		check_options(name, (const char *const[]){ part, own, all }, &wrong);
		check_names(name, part, &wrong);
		check_names(name, own, &wrong);
		free(part);
		free(own);
	}
	free(all);
	free(main_page);
	assert_int_equal(wrong, 0);
}

static void pages_describe_each_argument(void **state)
{
	char *page = read_page("man/pvferryd.8"), *part = strstr(page, "\n.SH CONTROL SOCKET\n"), *end;
	int wrong = 0;

	(void)state;
	assert_non_null(part);
	end = strstr(part + 1, "\n.SH ");
	if (end)
		*end = '\0';
	for (size_t i = 0; i < COUNT(requests); i++)
		for (const struct option_row *row = NULL; (row = option_of_request(row, requests[i]));)
			if (!has_name(part, row->name)) {
				print_error("pvferryd.8 does not describe \"%s\" of %s\n", row->name,
					    requests[i]);
				wrong++;
			}
	free(page);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_describe_each_option),
		cmocka_unit_test(pages_describe_each_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
