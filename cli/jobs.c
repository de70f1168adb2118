/* pvferry jobs: the guests that pvferryd has on their way, and the last that were. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/control.h"
#include "journal/journal.h"
#include "log.h"

enum { WATCH_MS = 1000 };

static bool set(void *context, enum option_id option, const struct option_value *value)
{
	(void)value;
	if (option == OPTION_WATCH)
		*(bool *)context = true;
	return true;
}

static struct json_object *get(const struct json_object *json, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, name, &value);
	return value;
}

/* "active, 71 %, 112 MiB/s"; what is not known yet is "-". */
static void describe_running(const struct json_object *status, char *text, size_t room)
{
	const struct json_object *ram = get(status, "ram");
	double total = control_number(ram, "total"), left = control_number(ram, "remaining");
	double speed = json_object_get_double(get(ram, "mbps")) * 1e6 / 8 / (1 << 20);
	char word[32], part[16] = "-", rate[16] = "-";

	control_text(status, "status", word, sizeof(word));
	if (total > 0 && get(ram, "remaining"))
		snprintf(part, sizeof(part), "%.0f", 100 * (total - left) / total);
	if (speed > 0)
		snprintf(rate, sizeof(rate), speed < 10 ? "%.1f" : "%.0f", speed);
	if (total > 0)
		snprintf(text, room, "%s, %s %%, %s MiB/s", word, part, rate);
	else
		snprintf(text, room, "%s", *word ? word : "begun");
}

/* "completed, stopped for 212 ms"; "failed: REASON". What is not settled yet was shown before. */
static void describe_end(const struct json_object *end, char *text, size_t room)
{
	char word[32], reason[512];

	control_text(end, "status", word, sizeof(word));
	control_text(end, "error-desc", reason, sizeof(reason));
	if (!strcmp(word, "needs-resolve"))
		snprintf(text, room, "settled by \"pvferry resolve\"");
	else if (*reason && strcmp(reason, word))
		snprintf(text, room, "%s: %s", word, reason);
	else if (get(end, "downtime"))
		snprintf(text, room, "%s, stopped for %lld ms", word, control_number(end, "downtime"));
	else
		snprintf(text, room, "%s", word);
}

static void describe(const struct json_object *job, char *text, size_t room)
{
	char word[32], id[33];
	bool is_at_work = json_object_get_boolean(get(job, "at-work"));

	if (json_object_get_boolean(get(job, "needs-resolve")) && !is_at_work)
		snprintf(text, room, "unresolved: \"pvferry resolve %.8s\"",
			 control_text(job, "job", id, sizeof(id)));
	else if (get(job, "end"))
		describe_end(get(job, "end"), text, room);
	else if (!strcmp(control_text(job, "state", word, sizeof(word)), "left"))
		snprintf(text, room, is_at_work ? "%s, without pvferryd" : "%s, interrupted",
			 control_text(job, "stage", word, sizeof(word)));
	else if (!strcmp(word, "settling"))
		snprintf(text, room, "its process died; being settled");
	else
		describe_running(get(job, "status"), text, room);
}

static void print_row(const struct json_object *job)
{
	char id[33], domain[256], peer[256], role[16], text[600];

	describe(job, text, sizeof(text));
	control_text(job, "role", role, sizeof(role));
	printf("%-12.12s %-20s %-4s %-24s %s\n", control_text(job, "job", id, sizeof(id)),
	       control_text(job, "domain", domain, sizeof(domain)), strcmp(role, "source") ? "from" : "to",
	       control_text(job, "peer", peer, sizeof(peer)), text);
}

static void print_table(const struct json_object *list)
{
	printf("%-12s %-20s %-4s %-24s %s\n", "Job", "Domain", "", "Host", "State");
	for (size_t i = 0; i < json_object_array_length(list); i++)
		print_row(json_object_array_get_idx(list, i));
}

static void print_list(const struct json_object *list)
{
	if (common.json)
		print_json(stdout, (struct json_object *)list,
			   JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
	else
		print_table(list);
	fflush(stdout);
}

static int print(struct control *control, bool is_again)
{
	struct json_object *result = control_ask(control, "jobs", NULL);

	if (!result)
		return -EIO;
	if (is_again && isatty(STDOUT_FILENO))
		printf("\033[H\033[J");
	print_list(get(result, "jobs"));
	json_object_put(result);
	return 0;
}

/* Without pvferryd: what is on disk. Each migration is there, whichever process carries it out. */
static int print_journals(void)
{
	struct json_object *all = json_object_new_array();
	struct journal *list = NULL;
	size_t count = 0;
	int rc = journal_list(&list, &count);

	for (size_t i = 0; i < count; i++)
		if (journal_is_recent(&list[i]))
			json_object_array_add(all, journal_describe(&list[i]));
	free(list);
	if (!rc)
		print_list(all);
	json_object_put(all);
	return rc ? say_failure("jobs", "", NULL) : EXIT_DONE;
}

static int watch_table(struct control *control)
{
	struct json_object *event;
	int rc;

	do {
		rc = print(control, true);
		if (!rc)
			rc = control_next(control, &event, WATCH_MS);
	} while (!rc);
	return rc;
}

static int watch_events(struct control *control)
{
	struct json_object *event = control_ask(control, "follow", NULL);
	int rc = event ? 0 : -EIO;

	json_object_put(event);
	while (!rc) {
		rc = control_next(control, &event, -1);
		if (rc)
			break;
		print_json(stdout, event, JSON_C_TO_STRING_PLAIN);
		json_object_put(event);
		if (fflush(stdout))
			rc = fail_errno("standard output");
	}
	return rc;
}

int run_jobs(const struct command *self, int argc, char **argv)
{
	bool watch = false;
	int first = command_options(self, argc, argv, set, &watch), rc;
	struct control control;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc != first)
		return say_usage(self, "takes no operand");
	rc = control_open(&control);
	if (rc && (watch || rc == -EACCES || rc == -EPERM))
		return say_failure("jobs", "", NULL);
	if (rc) {
		say(SAY_NOTE, "%s; listing the journals instead", fail_reason());
		fail_forget();
		return print_journals();
	}
	rc = !watch ? print(&control, false) : common.json ? watch_events(&control) : watch_table(&control);
	control_close(&control);
	return !rc || rc == -ECANCELED ? EXIT_DONE : say_failure("jobs", "", NULL);
}
