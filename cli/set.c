/* pvferry set: what may be changed of a job while it runs. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "cli/command.h"
#include "cli/control.h"
#include "log.h"
#include "text/options.h"

/* The row of what pvferryd can change, and has this name: [name, name + length). */
static const struct option_row *find_change(const char *name, size_t length)
{
	const struct option_row *row = NULL;

	while ((row = option_of_request(row, "set")))
		if (row->type == TAKES_NUMBER && strlen(row->name) == length &&
		    !strncmp(row->name, name, length))
			return row;
	return NULL;
}

/* "bandwidth=50" */
static bool add_change(struct json_object *changes, const char *text)
{
	const char *equals = strchr(text, '=');
	const struct option_row *row = equals ? find_change(text, equals - text) : NULL;
	struct option_value value;

	if (!row) {
		say_wrong("set: \"%s\": max-downtime=MS or bandwidth=MiB/s is wanted", text);
		return false;
	}
	if (!option_parse(row, equals + 1, &value)) {
		say_wrong("set: %s: a whole number of %s from %ld to %ld is wanted, as in %s=9", text,
			  row->unit, row->least, row->most, row->name);
		return false;
	}
	json_object_object_add(changes, row->name, json_object_new_int64(value.number));
	return true;
}

static void say_changes(const struct json_object *job, const struct json_object *changes)
{
	const struct option_row *row = NULL;
	char domain[256];

	control_text(job, "domain", domain, sizeof(domain));
	while ((row = option_of_request(row, "set"))) {
		long long number = control_number(changes, row->name);

		if (row->type != TAKES_NUMBER || !json_object_object_get_ex(changes, row->name, NULL))
			continue;
		if (number)
			say(SAY_NOTE, "%s: %s %lld %s", domain, row->name, number, row->unit);
		else
			say(SAY_NOTE, "%s: %s unlimited", domain, row->name);
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
	int first = command_options(self, argc, argv, NULL, NULL);
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
