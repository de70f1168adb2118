/* See order.h. */
#include "cli/order.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/control.h"
#include "cli/events.h"
#include "cli/move-report.h"
#include "cli/progress.h"
#include "log.h"
#include "process/stop.h"
#include "text/options.h"

/* --- options ------------------------------------------------------------------ */

/* A level may be "auto". */
static struct json_object *as_json(const struct option_row *row, const struct option_value *value)
{
	if (row->type == TAKES_NOTHING)
		return json_object_new_boolean(true);
	if (row->type == TAKES_NUMBER && value->word < 0)
		return json_object_new_int64(value->number);
	return json_object_new_string(value->text);
}

/* Under the name that pvferryd knows: the command line has others, too. What only concerns this process is left out. */
static bool gather(void *context, enum option_id option, const struct option_value *value)
{
	const struct option_row *row = NULL;

	do
		row = option_of_request(row, "migrate");
	while (row && row->option != option);
	if (row)
		json_object_object_add(context, row->name, as_json(row, value));
	return true;
}

struct json_object *order_options(const struct command *self, int argc, char **argv)
{
	struct json_object *options = json_object_new_object();

	command_options(self, argc, argv, gather, options);
	return options;
}

/* --- following ---------------------------------------------------------------- */

/* The next Ctrl-C is for us alone. */
static void heed_no_more(void)
{
	stop_ignore();
	signal(SIGINT, SIG_DFL);
	fail_forget();
}

/* A second connection: this one is in the middle of hearing. */
static void cancel(const char *id)
{
	struct json_object *answer = NULL;
	struct control control;

	heed_no_more();
	say(SAY_NOTE, "cancelling; a second Ctrl-C leaves the job to pvferryd");
	if (!control_open(&control)) {
		answer = control_ask(&control, "cancel", control_job(id));
		control_close(&control);
	}
	if (!answer)
		say(SAY_WARNING, "%s", fail_reason());
	fail_forget();
	json_object_put(answer);
}

/* The first event, made again of the job's description. */
static void tell_job(const struct json_object *job, const char *id)
{
	char domain[256], peer[256], role[16];

	event_tell(event_job(id, control_text(job, "domain", domain, sizeof(domain)),
			     control_number(job, "domid"), control_text(job, "peer", peer, sizeof(peer)),
			     control_text(job, "role", role, sizeof(role))),
		   common.json);
}

static bool is_end(const struct json_object *event)
{
	char kind[16];

	return !strcmp(control_text(event, "event", kind, sizeof(kind)), "end");
}

/* NULL, with a reason: pvferryd is gone. */
static struct json_object *order_follow(struct control *control, const char *id)
{
	struct json_object *event;
	int rc;

	for (;;) {
		rc = control_next(control, &event, -1);
		if (rc == -ECANCELED)
			cancel(id);
		else if (rc)
			return NULL;
		else if (is_end(event))
			return event;
		else
			event_tell(event, common.json);
	}
}

static int say_end(const char *whom, const char *id, const struct json_object *end)
{
	char status[32], reason[512], outcome[256];

	control_text(end, "status", status, sizeof(status));
	if (!strcmp(status, "completed"))
		return EXIT_DONE;
	fail_forget();
	fail(EREMOTEIO, "%s", control_text(end, "error-desc", reason, sizeof(reason)));
	if (strcmp(status, "needs-resolve"))
		return say_failure("migrate", whom, "the domain is still here");
	snprintf(outcome, sizeof(outcome),
		 "the domain waits here, and may run there: \"pvferry resolve %.8s\" settles it", id);
	say_failure("migrate", whom, outcome);
	return EXIT_UNSETTLED;
}

static int show(struct control *control, const char *whom, const struct json_object *job,
		const struct move_report *report)
{
	struct json_object *end;
	char id[33];
	int rc;

	control_text(job, "job", id, sizeof(id));
	progress_start("migrating");
	tell_job(job, id);
	end = order_follow(control, id);
	progress_end();
	if (end) {
		rc = say_end(whom, id, end);
		move_report_write(report, job, end);
		event_tell(end, common.json);
		return rc;
	}
	return order_outlives(whom, id);
}

static int print_begun(const struct json_object *job)
{
	char id[33];

	control_text(job, "job", id, sizeof(id));
	if (common.json)
		tell_job(job, id);
	else
		printf("%s\n", id);
	return EXIT_DONE;
}

/* After a stop the job may have begun all the same, and only the answer names it: the answer is waited for. */
static struct json_object *order_send(struct control *control, struct json_object *options, bool *is_unwanted)
{
	struct json_object *job = NULL;
	int rc = control_send(control, "migrate", options);

	if (!rc)
		rc = control_answer(control, &job);
	*is_unwanted = rc == -ECANCELED;
	if (*is_unwanted) {
		heed_no_more();
		say(SAY_NOTE,
		    "waiting for pvferryd to name the job that began; a second Ctrl-C does not wait");
		control_answer(control, &job);
	}
	return job;
}

/* It was to run detached. */
static int give_up(const char *domain, const char *id)
{
	char outcome[64];

	cancel(id);
	fail(ECANCELED, "stopped");
	snprintf(outcome, sizeof(outcome), "pvferryd has told job %.8s to end", id);
	return say_failure("migrate", domain, outcome);
}

int order_migrate(const char *domain, const char *host, struct json_object *options, bool is_detached,
		  const struct move_report *report)
{
	struct json_object *job;
	struct control control;
	bool is_unwanted;
	char id[33];
	int rc;

	json_object_object_add(options, "domain", json_object_new_string(domain));
	json_object_object_add(options, "host", json_object_new_string(host));
	json_object_object_add(options, "follow", json_object_new_boolean(!is_detached));
	if (control_open(&control)) {
		json_object_put(options);
		return say_failure("migrate", domain, "the domain was not stopped");
	}
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	job = order_send(&control, options, &is_unwanted);
	control_text(job, "job", id, sizeof(id));
	if (job && is_unwanted && !is_detached)
		cancel(id);
	rc = !job			? say_failure("migrate", domain, "the domain was not stopped")
	   : is_detached && is_unwanted ? give_up(domain, id)
	   : is_detached		? print_begun(job)
					: show(&control, domain, job, report);
	json_object_put(job);
	control_close(&control);
	return rc;
}
