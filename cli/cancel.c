/* pvferry cancel: gives a job up, and says what became of it. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/control.h"
#include "log.h"

/* It may have ended before we followed it, and its description says so then. */
static struct json_object *await_end(struct control *control, const char *job)
{
	struct json_object *event = control_ask(control, "follow", control_job(job)), *end = NULL;
	char name[16];

	if (event && json_object_object_get_ex(event, "end", &end))
		json_object_get(end);
	while (event && !end) {
		json_object_put(event);
		if (control_next(control, &event, -1))
			event = NULL;
		else if (!strcmp(control_text(event, "event", name, sizeof(name)), "end"))
			end = json_object_get(event);
	}
	json_object_put(event);
	return end;
}

static int say_end(const char *whom, const struct json_object *end, bool was_over)
{
	bool is_told;
	char status[32], reason[512], id[33];

	control_text(end, "status", status, sizeof(status));
	control_text(end, "error-desc", reason, sizeof(reason));
	if (!strcmp(status, "cancelled") || !strcmp(status, "failed")) {
		is_told = !*reason || !strcmp(reason, status);
		say(SAY_NOTE, "%s: %s%s%s%s", whom, was_over ? "already " : "", status, is_told ? "" : ": ",
		    is_told ? "" : reason);
		return EXIT_DONE;
	}
	if (!strcmp(status, "needs-resolve")) {
		fail(EINPROGRESS, "the other host may run the domain: \"pvferry resolve %.8s\"",
		     control_text(end, "job", id, sizeof(id)));
		say_failure("cancel", whom, NULL);
		return EXIT_UNSETTLED;
	}
	fail(EALREADY, "too late, it has moved");
	return say_failure("cancel", whom, NULL);
}

static int cancel(const char *whom)
{
	struct json_object *job, *end = NULL;
	struct control control;
	char id[33], state[16];
	bool was_over = false;
	int rc;

	if (control_open(&control))
		return say_failure("cancel", whom, NULL);
	job = control_ask(&control, "cancel", control_job(whom));
	if (job)
		was_over = !strcmp(control_text(job, "state", state, sizeof(state)), "ended");
	if (job)
		end = await_end(&control, control_text(job, "job", id, sizeof(id)));
	rc = end ? say_end(whom, end, was_over)
		 : say_failure("cancel", whom, job ? "pvferryd has told the job to end" : NULL);
	json_object_put(end);
	json_object_put(job);
	control_close(&control);
	return rc;
}

int run_cancel(const struct command *self, int argc, char **argv)
{
	int first = command_options(self, argc, argv, NULL, NULL);

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1)
		return say_usage(self, "takes one JOB");
	return cancel(argv[first]);
}
