/*
 * pvferry jobs: the guests that pvferryd has on their way, and the last that were. In: pvferryd's answer, or without
 * pvferryd the journals. Out: a table, JSON, or both again and again. The trap: a pvferryd that may not be asked
 * (EACCES) is not one that does not run, so then the journals are not listed in its stead.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/name.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/job-text.h"
#include "cli/watch.h"
#include "journal/checkpointer.h"
#include "journal/journal.h"
#include "log.h"

enum { WATCH_MS = 1000 };

static bool jobs_set(void *context, enum option_id option, const struct option_value *value)
{
	(void)value;
	if (option == OPTION_WATCH)
		*(bool *)context = true;
	return true;
}

/* "@17 of 2026-11-26 07:06:16 UTC, stopped for 62 ms; next at 2026-11-26 07:11:16 UTC" */
static void checkpointer_text(const struct json_object *job, char *text, size_t room)
{
	char last[POINT_TIME_BYTES], next[POINT_TIME_BYTES];
	long long due = control_number(job, "due"), failures = control_number(job, "failures");
	int length = snprintf(text, room, "none yet");

	if (control_member(job, "number"))
		length = snprintf(text, room, "@%lld of %s, stopped for %.0f ms",
				  control_number(job, "number"),
				  point_time_text(control_number(job, "time"), last),
				  json_object_get_double(control_member(job, "stopped-ms")));
	if (failures)
		length += snprintf(text + length, room - length, "; %lld failed since then", failures);
	if (due)
		snprintf(text + length, room - length, "; next at %s", point_time_text(due, next));
}

static void checkpointer_print(const struct json_object *job)
{
	char domain[256], directory[4096], text[600];

	checkpointer_text(job, text, sizeof(text));
	printf("%-12s %-20s %-4s %-24s %s\n", "-", control_text(job, "domain", domain, sizeof(domain)),
	       "into", control_text(job, "directory", directory, sizeof(directory)), text);
}

static void job_print(const struct json_object *job)
{
	char id[33], domain[256], peer[256], role[16], text[600];

	job_state_text(job, text, sizeof(text));
	control_text(job, "role", role, sizeof(role));
	printf("%-12.12s %-20s %-4s %-24s %s\n", control_text(job, "job", id, sizeof(id)),
	       control_text(job, "domain", domain, sizeof(domain)), strcmp(role, "source") ? "from" : "to",
	       control_text(job, "peer", peer, sizeof(peer)), text);
}

static void print_table(const struct json_object *list)
{
	printf("%-12s %-20s %-4s %-24s %s\n", "Job", "Domain", "", "Host", "State");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const struct json_object *job = json_object_array_get_idx(list, i);
		char role[16];

		if (strcmp(control_text(job, "role", role, sizeof(role)), "checkpoint"))
			job_print(job);
		else
			checkpointer_print(job);
	}
}

/* With those that make checkpoints, which pvferryd does not know: they write down themselves what they do. */
static void print_list(struct json_object *list)
{
	if (checkpointers_list(list)) {
		say(SAY_WARNING, "%s: checkpoints are not listed", fail_reason());
		fail_forget();
	}
	if (common.json)
		print_json(stdout, list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
	else
		print_table(list);
}

static int print(struct control *control, bool watch)
{
	struct json_object *result = control_ask(control, "jobs", NULL);

	if (!result)
		return -EIO;
	if (watch && isatty(STDOUT_FILENO))
		printf("\033[H\033[J");
	if (watch)
		watch_print(stdout, control_member(result, "jobs"), watch_rows());
	else
		print_list(control_member(result, "jobs"));
	json_object_put(result);
	return fflush(stdout) ? fail_errno("standard output") : 0;
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
	int first = command_options(self, argc, argv, jobs_set, &watch), rc;
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
