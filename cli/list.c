/* pvferry list: domains here, and for each whether it can be saved and moved. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/use.h"
#include "journal/watch.h"
#include "log.h"
#include "machine/config.h"
#include "migrate/movable.h"
#include "stream/body.h"
#include "text/text.h"

struct row {
	struct domain_facts facts;
	struct use use;
	char *name;
	enum obstacle obstacle;
	char reason[512];
	bool is_left;	 /* suspended, and no process works on it */
	bool is_watched; /* it is to be, by pvferry; watch says by which process */
	struct watch watch;
};

/* What pvferry does with it comes first: Xen sees only a domain that is paused, or has shut down. */
static const char *state_of(const struct row *row)
{
	const struct domain_facts *facts = &row->facts;

	return *use_word(&row->use)		   ? use_word(&row->use)
	     : row->obstacle == OBSTACLE_SUSPENDED ? "suspended"
	     : facts->is_dying			   ? "dying"
	     : facts->is_shut_down		   ? "shut down"
	     : facts->is_paused			   ? "paused"
						   : "running";
}

static bool is_movable(const struct row *row)
{
	return row->use.kind == USE_NONE &&
	       (row->obstacle == OBSTACLE_NONE || row->obstacle == OBSTACLE_DEVICES);
}

/* "died" asks for "pvferry resolve --recover". Of watchers that are not pvferry's nothing is known. */
static const char *watch_word(const struct row *row)
{
	return !row->is_watched ? "-" : row->watch.watcher ? "yes" : "died";
}

static void domain_print(const struct row *row)
{
	char name[512];

	printf("%-24s %5u %8lu %5u  %-11s %-8s %s%s%s\n",
	       text_visible(name, sizeof(name), row->name ? row->name : "(no name)"), row->facts.id,
	       row->facts.frames / 256, row->facts.vcpus_online, state_of(row), watch_word(row),
	       is_movable(row) ? "yes" : "no", *row->reason ? ": " : "", row->reason);
}

static void add_job(struct json_object *json, const struct journal *journal)
{
	struct json_object *job = json_object_new_object();

	body_put_text(job, "job", journal->job);
	body_put_text(job, "role", journal->role == JOURNAL_SOURCE ? "source" : "destination");
	body_put_text(job, "peer", journal->peer);
	body_put_text(job, "stage", journal_stage_name(journal->stage));
	json_object_object_add(json, "job", job);
}

static void add_row(struct json_object *list, const struct row *row)
{
	struct json_object *json = json_object_new_object();

	if (row->name)
		body_put_text(json, "domain", row->name);
	body_put_number(json, "domid", row->facts.id);
	body_put_number(json, "frames", row->facts.frames);
	body_put_number(json, "vcpus-online", row->facts.vcpus_online);
	body_put_text(json, "state", state_of(row));
	json_object_object_add(json, "movable", json_object_new_boolean(is_movable(row)));
	json_object_object_add(json, "savable", json_object_new_boolean(is_movable(row)));
	if (!is_movable(row))
		body_put_text(json, "reason", row->reason);
	json_object_object_add(json, "suspended",
			       json_object_new_boolean(row->obstacle == OBSTACLE_SUSPENDED));
	if (row->obstacle == OBSTACLE_SUSPENDED)
		json_object_object_add(json, "resumable", json_object_new_boolean(row->is_left));
	if (row->is_watched)
		body_put_number(json, "watcher", row->watch.watcher);
	if (*row->use.journal.job)
		add_job(json, &row->use.journal);
	json_object_array_add(list, json);
}

/* A job says more than what Xen knows; and a guest that is suspended without one can be resumed. */
static void explain(struct row *row)
{
	bool is_suspended = row->obstacle == OBSTACLE_SUSPENDED;

	use_find(&row->facts, &row->use);
	if (row->use.kind != USE_NONE)
		use_describe(&row->use, row->reason, sizeof(row->reason));
	else if (is_suspended)
		snprintf(row->reason, sizeof(row->reason),
			 "no process of pvferry works on it: \"pvferry resume\"");
	row->is_left = is_suspended &&
		       (row->use.kind == USE_NONE ||
			(row->use.kind == USE_INTERRUPTED && row->use.journal.role == JOURNAL_SOURCE));
}

/* A file that names another id is of a domain of before, or of the other one of two that have a UUID while one moves. */
static void find_watcher(struct row *row)
{
	uuid_format(row->facts.uuid, row->watch.uuid);
	row->is_watched = !watch_read(&row->watch) && row->watch.domain == row->facts.id;
	fail_forget();
}

/* False if the domain is gone in the meantime. */
static bool row_read(struct host *host, uint32_t id, struct row *row)
{
	struct domain *domain;
	bool found;

	if (domain_open(&domain, host, id)) {
		fail_forget();
		return false;
	}
	found = !domain_facts(domain, &row->facts) &&
		!find_obstacle(domain, &row->facts, &row->obstacle, row->reason, sizeof(row->reason));
	explain(row);
	find_watcher(row);
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
		printf("%-24s %5s %8s %5s  %-11s %-8s %s\n", "Name", "ID", "MiB", "VCPUs", "State", "Watched",
		       "Can be saved");
	for (size_t i = 0; i < count; i++) {
		struct row row = { 0 };

		if (!row_read(host, ids[i], &row))
			continue;
		if (common.json)
			add_row(json, &row);
		else
			domain_print(&row);
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
	int first = command_options(self, argc, argv, NULL, NULL), rc;
	struct host *host;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc != first)
		return say_usage(self, "takes no operand");
	if (host_open(&host))
		return say_failure("list", "", NULL);
	rc = list(host);
	host_close(host);
	return rc;
}
