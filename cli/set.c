/* pvferry set: what may be changed of a job while it runs. */
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/control.h"

const struct option_row set_options[] = { { 0 } };

static bool set(void *context, int letter, const char *value)
{
	(void)context, (void)letter, (void)value;
	return true;
}

/* "bandwidth=50" */
static bool add_change(struct json_object *changes, const char *text)
{
	static const struct {
		const char *name;
		long least, most;
	} rows[] = { { "max-downtime", 1, 3600000 }, { "bandwidth", 0, INT_MAX } };
	const char *value = strchr(text, '=');
	size_t length = value ? (size_t)(value - text) : 0;
	long number;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!length || strlen(rows[i].name) != length || strncmp(rows[i].name, text, length))
			continue;
		if (!parse_number(rows[i].name, value + 1, rows[i].least, rows[i].most, &number))
			return false;
		json_object_object_add(changes, rows[i].name, json_object_new_int64(number));
		return true;
	}
	fprintf(stderr, "pvferry: set takes max-downtime=MS and bandwidth=MiB/s, not \"%s\"\n", text);
	return false;
}

static int order(const char *job, struct json_object *changes)
{
	struct json_object *result;
	struct control control;

	if (control_open(&control)) {
		json_object_put(changes);
		return say_failure("set", job, NULL);
	}
	result = control_ask(&control, "set", changes);
	control_close(&control);
	json_object_put(result);
	return result ? EXIT_DONE : say_failure("set", job, NULL);
}

int run_set(const struct command *self, int argc, char **argv)
{
	int first = command_options(self, argc, argv, set, NULL);
	struct json_object *changes;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first < 2) {
		fprintf(stderr,
			"pvferry: set takes JOB, and what to change: max-downtime=MS, bandwidth=MiB/s\n");
		return EXIT_USAGE;
	}
	changes = control_job(argv[first]);
	for (int i = first + 1; i < argc; i++)
		if (!add_change(changes, argv[i])) {
			json_object_put(changes);
			return EXIT_USAGE;
		}
	return order(argv[first], changes);
}
