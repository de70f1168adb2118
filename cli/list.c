/* pvferry list: domains here, and for each whether it can be saved and moved. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "log.h"
#include "text/text.h"
#include "migrate/movable.h"
#include "migrate/recover.h"

enum { JSON = LONG_ONLY };

const struct option_row list_options[] = {
	{ JSON, "json", NULL, "print it as JSON" },
	{ 0 },
};

static bool set(void *context, int letter, const char *value)
{
	(void)context, (void)value;
	if (letter == JSON)
		common.json = true;
	return true;
}

struct row {
	struct domain_facts facts;
	char *name;
	enum obstacle obstacle;
	char reason[512];
	bool is_left; /* suspended, and no process works on it */
};

static bool is_savable(const struct row *row)
{
	return row->obstacle == OBSTACLE_NONE || row->obstacle == OBSTACLE_DEVICES;
}

static void print_row(const struct row *row)
{
	char name[512];

	printf("%-32s %5u %8lu %5u  %s%s%s\n",
	       text_visible(name, sizeof(name), row->name ? row->name : "(no name)"), row->facts.id,
	       row->facts.frames / 256, row->facts.vcpus_online, is_savable(row) ? "yes" : "no",
	       *row->reason ? ": " : "", row->reason);
}

static void add_row(struct json_object *list, const struct row *row)
{
	struct json_object *json = json_object_new_object();

	if (row->name)
		json_object_object_add(json, "domain", json_object_new_string(row->name));
	json_object_object_add(json, "domid", json_object_new_int(row->facts.id));
	json_object_object_add(json, "frames", json_object_new_int64(row->facts.frames));
	json_object_object_add(json, "vcpus-online", json_object_new_int(row->facts.vcpus_online));
	json_object_object_add(json, "movable", json_object_new_boolean(row->obstacle == OBSTACLE_NONE));
	json_object_object_add(json, "savable", json_object_new_boolean(is_savable(row)));
	if (row->obstacle != OBSTACLE_NONE)
		json_object_object_add(json, "reason", json_object_new_string(row->reason));
	json_object_object_add(json, "suspended",
			       json_object_new_boolean(row->obstacle == OBSTACLE_SUSPENDED));
	if (row->obstacle == OBSTACLE_SUSPENDED)
		json_object_object_add(json, "resumable", json_object_new_boolean(row->is_left));
	json_object_array_add(list, json);
}

/* A guest that is suspended waits for the process that stopped it: is there one, or what can be done? */
static void explain_suspended(struct row *row)
{
	struct journal journal;

	if (row->obstacle != OBSTACLE_SUSPENDED)
		return;
	if (!recover_find(&row->facts, &journal) && journal.stage == JOURNAL_GO) {
		snprintf(row->reason, sizeof(row->reason),
			 "it is suspended and may run on %.200s: \"pvferry resolve %s\"", journal.peer,
			 journal.job);
		return;
	}
	fail_forget();
	row->is_left = !recover_is_busy(row->facts.id);
	snprintf(row->reason, sizeof(row->reason), "%s",
		 row->is_left ? "it is suspended and no process of pvferry works on it: \"pvferry resume\""
			      : "it is suspended, and a job works on it");
}

/* False if the domain is gone in the meantime. */
static bool look(struct host *host, uint32_t id, struct row *row)
{
	struct domain *domain;
	bool found;

	if (domain_open(&domain, host, id)) {
		fail_forget();
		return false;
	}
	found = !domain_facts(domain, &row->facts) &&
		!find_obstacle(domain, &row->facts, &row->obstacle, row->reason, sizeof(row->reason));
	explain_suspended(row);
	row->name = store_read(host, "/local/domain/%u/name", id);
	domain_close(domain);
	return found;
}

static int list(struct host *host)
{
	struct json_object *json = json_object_new_array();
	uint32_t *ids;
	size_t count;

	if (domain_list(host, &ids, &count))
		return say_failure("list", "", NULL);
	if (!common.json)
		printf("%-32s %5s %8s %5s  %s\n", "Name", "ID", "MiB", "VCPUs", "Can be saved");
	for (size_t i = 0; i < count; i++) {
		struct row row = { 0 };

		if (!look(host, ids[i], &row))
			continue;
		if (common.json)
			add_row(json, &row);
		else
			print_row(&row);
		free(row.name);
	}
	if (common.json)
		print_json(stdout, json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
	json_object_put(json);
	free(ids);
	return EXIT_DONE;
}

int run_list(const struct command *self, int argc, char **argv)
{
	int first = command_options(self, argc, argv, set, NULL), rc;
	struct host *host;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc != first) {
		fprintf(stderr, "pvferry: list takes no operand\n");
		return EXIT_USAGE;
	}
	if (host_open(&host))
		return say_failure("list", "", NULL);
	rc = list(host);
	host_close(host);
	return rc;
}
