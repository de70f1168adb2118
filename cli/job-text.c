/* See job-text.h. */
#include "cli/job-text.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "cli/control.h"

/* "active, 71 %, 112 MiB/s"; what is not known yet is "-". */
static void describe_running(const struct json_object *status, char *text, size_t room)
{
	const struct json_object *ram = control_member(status, "ram");
	double total = control_number(ram, "total"), left = control_number(ram, "remaining");
	double speed = json_object_get_double(control_member(ram, "mbps")) * 1e6 / 8 / (1 << 20);
	char word[32], part[16] = "-", rate[16] = "-";

	control_text(status, "status", word, sizeof(word));
	if (total > 0 && control_member(ram, "remaining"))
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
	else if (control_member(end, "downtime"))
		snprintf(text, room, "%s, stopped for %lld ms", word, control_number(end, "downtime"));
	else
		snprintf(text, room, "%s", word);
}

void job_state_text(const struct json_object *job, char *text, size_t room)
{
	char word[32], id[33];
	bool is_at_work = json_object_get_boolean(control_member(job, "at-work"));

	if (json_object_get_boolean(control_member(job, "needs-resolve")) && !is_at_work)
		snprintf(text, room, "unresolved: \"pvferry resolve %.8s\"",
			 control_text(job, "job", id, sizeof(id)));
	else if (control_member(job, "end"))
		describe_end(control_member(job, "end"), text, room);
	else if (!strcmp(control_text(job, "state", word, sizeof(word)), "left"))
		snprintf(text, room, is_at_work ? "%s, without pvferryd" : "%s, interrupted",
			 control_text(job, "stage", word, sizeof(word)));
	else if (!strcmp(word, "settling"))
		snprintf(text, room, "its process died; being settled");
	else
		describe_running(control_member(job, "status"), text, room);
}
