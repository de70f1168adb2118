/* See job.h. */
#include "daemon/job.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/program.h"
#include "daemon/jobs.h"
#include "journal/journal.h"
#include "log.h"
#include "text/text.h"

/* That a process has to end by itself which took too long to be let in. */
enum { KILL_SECONDS = 5 };
/* Lines in ten seconds about those who are not let in. */
enum { STRANGERS_LINES = 20 };

const char *job_role(const struct job *job)
{
	return job->is_source ? "source" : "destination";
}

static void name_job(const struct job *job, char *to, size_t room)
{
	if (job->is_source)
		snprintf(to, room, "%s to %s", job->domain, job->peer);
	else if (job->domain)
		snprintf(to, room, "%s from %s", job->domain, job->peer);
	else
		snprintf(to, room, "%s", job->peer);
}

static void say_of(enum say_level level, const struct job *job, const char *text)
{
	char name[600], line[1024];

	name_job(job, name, sizeof(name));
	snprintf(line, sizeof(line), "%s%s%.8s%s: %s", name, *job->id ? " (" : "", job->id,
		 *job->id ? ")" : "", text);
	if (job->is_source || *job->id)
		say(level, "%s", line);
	else
		flood_say(&job->jobs->strangers, uv_now(job->jobs->loop), STRANGERS_LINES, line);
}

/* --- what it says ----------------------------------------------------------- */

static void job_keep_event(struct json_object **at, struct json_object *event)
{
	json_object_put(*at);
	*at = json_object_get(event);
}

static void keep_text(char **at, const char *text)
{
	char visible[512], *copy = *text ? strdup(text_visible(visible, sizeof(visible), text)) : NULL;

	if (!copy)
		return;
	free(*at);
	*at = copy;
}

/* It is let in, or has found its domain. */
static void take_first(struct job *job, struct json_object *event)
{
	const char *id = request_text(event, "job");

	if (job->state != JOB_STARTING || !job_is_name(id)) {
		say_of(SAY_WARNING, job, "a \"job\" event without a valid job");
		return;
	}
	snprintf(job->id, sizeof(job->id), "%s", id);
	keep_text(&job->domain, request_text(event, "domain"));
	keep_text(&job->peer, request_text(event, "peer"));
	job_keep_event(&job->first, event);
	job->state = JOB_RUNNING;
	if (!job->is_source)
		known_add(&job->jobs->known, &job->address);
	program_within(job->child, 0);
	say_of(SAY_NOTE, job, "begun");
	job->jobs->changed(job->jobs->context);
}

static void take_lane(struct job *job)
{
	job->is_lane = true;
	known_add(&job->jobs->known, &job->address);
	program_within(job->child, 0);
	job->jobs->changed(job->jobs->context);
}

static void job_report(struct job *job, struct json_object *event)
{
	if (!*job->id)
		return;
	json_object_object_add(event, "job", json_object_new_string(job->id));
	json_object_object_add(event, "role", json_object_new_string(job_role(job)));
	job->jobs->told(job->jobs->context, job, event);
}

static void on_event(void *context, char *line, size_t length)
{
	struct job *job = context;
	struct json_object *event = request_json(line, length);
	const char *name = event ? request_text(event, "event") : "";

	fail_forget();
	if (!*name) {
		say_of(SAY_WARNING, job, "a line that is not an event");
	} else {
		if (!strcmp(name, "job"))
			take_first(job, event);
		else if (!strcmp(name, "join"))
			take_lane(job);
		else if (!strcmp(name, "status"))
			job_keep_event(&job->status, event);
		else if (!strcmp(name, "end"))
			job_keep_event(&job->end, event);
		job_report(job, event);
	}
	json_object_put(event);
}

/* "pvferry: migrate web1: REASON": the job is known already. A line of pvferry's, or NULL. */
static const char *without_names(const char *line)
{
	const char *text = line + strlen("pvferry: "), *reason;

	if (strncmp(line, "pvferry: ", strlen("pvferry: ")))
		return NULL;
	reason = !strncmp(text, "migrate ", 8) || !strncmp(text, "receive ", 8) ? strstr(text, ": ") : NULL;
	return reason ? reason + 2 : text;
}

static void on_note(void *context, char *line)
{
	struct job *job = context;
	const char *text = without_names(line);

	if (text)
		snprintf(job->note, sizeof(job->note), "%s", text);
	say_of(SAY_NOTE, job, text ? text : line);
}

static void on_late(void *context)
{
	struct job *job = context;

	if (!job->is_late)
		say_of(SAY_WARNING, job, "not let in within the time for that; closed");
	program_signal(job->child, job->is_late ? SIGKILL : SIGTERM, true);
	job->is_late = true;
	program_within(job->child, KILL_SECONDS);
}

/* --- its end ----------------------------------------------------------------- */

static void job_finish(struct job *job)
{
	const char *status = request_text(job->end, "status"), *reason = request_text(job->end, "error-desc");
	bool is_said = !strcmp(reason, status) || (*job->note && strstr(job->note, reason));
	char text[1200];

	job->state = JOB_ENDED;
	job->over = time(NULL);
	/* What the process said last was logged already, with what became of the guest. */
	snprintf(text, sizeof(text), "%s%s%s after %ld s", status, *reason && !is_said ? ": " : "",
		 is_said ? "" : reason, (long)(job->over - job->began));
	if (*job->id)
		say_of(SAY_NOTE, job, text);
	else
		job->jobs->told(job->jobs->context, job, NULL);
}

/* What it did not say itself. */
static void end_as(struct job *job, const char *status, const char *reason)
{
	struct json_object *end = json_object_new_object();

	json_object_object_add(end, "event", json_object_new_string("end"));
	json_object_object_add(end, "status", json_object_new_string(status));
	if (reason)
		json_object_object_add(end, "error-desc", json_object_new_string(reason));
	job_keep_event(&job->end, end);
	job_report(job, end);
	json_object_put(end);
	job_finish(job);
}

static const char *describe_end(const struct job *job, char *text, size_t room)
{
	if (job->signal)
		snprintf(text, room, "the job's process died of SIG%s", sigabbrev_np(job->signal));
	else if (*job->note)
		return job->note;
	else
		snprintf(text, room, "the job's process ended with status %d", job->exit_status);
	return text;
}

static void end_by_status(struct job *job)
{
	static const char *const words[] = {
		[0] = "completed", [1] = "failed", [2] = "failed", [3] = "needs-resolve"
	};
	bool is_known = job->exit_status >= 0 && job->exit_status <= 3;
	char text[128];

	end_as(job, is_known ? words[job->exit_status] : "failed",
	       job->exit_status ? describe_end(job, text, sizeof(text)) : NULL);
}

void job_settle(struct job *job, enum outcome outcome)
{
	char text[128];

	describe_end(job, text, sizeof(text));
	if (outcome == OUTCOME_MOVED)
		end_as(job, "completed", NULL);
	else if (outcome == OUTCOME_NOT_MOVED || outcome == OUTCOME_NONE)
		end_as(job, "failed", text);
	else
		end_as(job, "needs-resolve", text);
}

static void on_ended(void *context, int status, int signal)
{
	struct job *job = context;
	struct jobs *jobs = job->jobs;

	job->child = NULL;
	job->exit_status = status;
	job->signal = signal;
	if (job->end || !*job->id)
		job_finish(job);
	else if (signal)
		job->state = JOB_SETTLING;
	else
		end_by_status(job);
	if (signal)
		jobs->died(jobs->context);
	jobs_tidy(jobs);
	jobs->changed(jobs->context);
}

/* --- orders ------------------------------------------------------------------ */

int job_start(struct job *job, char *const *argv, int connection)
{
	static const struct program_calls calls = { on_event, on_note, on_late, on_ended };

	job->child = program_start(job->jobs->loop, argv, connection, &calls, job);
	job->began = time(NULL);
	return job->child ? 0 : -EIO;
}

static int order(struct job *job, const char *name, struct json_object *value)
{
	struct json_object *json = json_object_new_object();
	int rc;

	json_object_object_add(json, name, value);
	if (!job->child)
		rc = fail(ESRCH, "the job has ended");
	else
		rc = program_order(job->child, json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
	return rc;
}

int job_cancel(struct job *job)
{
	return order(job, "cancel", json_object_new_boolean(true));
}

int job_set(struct job *job, struct json_object *set)
{
	if (!job->is_source)
		return fail(EINVAL, "that is for the host to say that sends the guest");
	return order(job, "set", json_object_get(set));
}

static void add_text(struct json_object *json, const char *key, const char *text)
{
	if (text && *text)
		json_object_object_add(json, key, json_object_new_string(text));
}

struct json_object *job_describe(const struct job *job)
{
	static const char *const states[] = { "starting", "running", "settling", "ended" };
	struct json_object *json = json_object_new_object(), *domid;

	add_text(json, "job", job->id);
	add_text(json, "role", job_role(job));
	add_text(json, "state", states[job->state]);
	add_text(json, "domain", job->domain);
	if (json_object_object_get_ex(job->first, "domid", &domid))
		json_object_object_add(json, "domid", json_object_get(domid));
	add_text(json, "peer", job->peer);
	json_object_object_add(json, "began", json_object_new_int64(job->began));
	if (job->child)
		json_object_object_add(json, "pid", json_object_new_int(program_pid(job->child)));
	if (job->status)
		json_object_object_add(json, "status", json_object_get(job->status));
	if (job->end)
		json_object_object_add(json, "end", json_object_get(job->end));
	if (job->state != JOB_ENDED)
		return json;
	json_object_object_add(json, "ended", json_object_new_int64(job->over));
	if (job->signal)
		add_text(json, "signal", sigabbrev_np(job->signal));
	else
		json_object_object_add(json, "exit-status", json_object_new_int(job->exit_status));
	return json;
}

void job_free(struct job *job)
{
	json_object_put(job->first);
	json_object_put(job->status);
	json_object_put(job->end);
	free(job->domain);
	free(job->peer);
	free(job);
}
