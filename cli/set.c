/* pvferry set: what may be changed of a job while it runs. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/control.h"
#include "log.h"
#include "text/text.h"

const struct option_row set_options[] = { { 0 } };

static bool set(void *context, int letter, const char *value)
{
	(void)context, (void)letter, (void)value;
	return true;
}

static const struct row {
	const char *name;
	long least, most;
	const char *unit;
} rows[] = {
	{ "max-downtime", 1, 3600000, "ms" },
	{ "bandwidth", 0, 1 << 20, "MiB/s" },
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

/* "bandwidth=50" */
static bool add_change(struct json_object *changes, const char *text)
{
	const char *value = strchr(text, '=');
	size_t length = value ? (size_t)(value - text) : 0;
	uint64_t number;

	for (unsigned int i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		if (!length || strlen(row->name) != length || strncmp(row->name, text, length))
			continue;
		if (!text_number(value + 1, row->most, &number) || (long)number < row->least) {
			fprintf(stderr,
				"pvferry: set: %s=%s: a whole number of %s from %ld to %ld is wanted, as in "
				"%s=9\n",
				row->name, value + 1, row->unit, row->least, row->most, row->name);
			return false;
		}
		json_object_object_add(changes, row->name, json_object_new_int64((int64_t)number));
		return true;
	}
	fprintf(stderr, "pvferry: set: \"%s\": max-downtime=MS or bandwidth=MiB/s is wanted\n", text);
	return false;
}

static void say_changes(const struct json_object *job, const struct json_object *changes)
{
	char domain[256];

	control_text(job, "domain", domain, sizeof(domain));
	for (unsigned int i = 0; i < ROWS; i++) {
		long long number = control_number(changes, rows[i].name);

		if (!json_object_object_get_ex(changes, rows[i].name, NULL))
			continue;
		if (number)
			say(SAY_NOTE, "%s: %s %lld %s", domain, rows[i].name, number, rows[i].unit);
		else
			say(SAY_NOTE, "%s: %s unlimited", domain, rows[i].name);
	}
}

/* The request takes over its arguments, so they are held twice until they are said. */
static int order(const char *job, struct json_object *changes)
{
	struct json_object *result = NULL;
	struct control control;
	int rc = control_open(&control);

	if (!rc) {
		result = control_ask(&control, "set", json_object_get(changes));
		control_close(&control);
	}
	if (result)
		say_changes(result, changes);
	json_object_put(changes);
	json_object_put(result);
	return result ? EXIT_DONE : say_failure("set", job, NULL);
}

int run_set(const struct command *self, int argc, char **argv)
{
	int first = command_options(self, argc, argv, set, NULL);
	struct json_object *changes;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first < 2)
		return say_usage(self, "takes JOB, and what to change: max-downtime=MS, bandwidth=MiB/s");
	changes = control_job(argv[first]);
	for (int i = first + 1; i < argc; i++)
		if (!add_change(changes, argv[i])) {
			json_object_put(changes);
			return EXIT_USAGE;
		}
	return order(argv[first], changes);
}
