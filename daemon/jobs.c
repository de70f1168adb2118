/* See jobs.h. */
#include "daemon/jobs.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/program.h"
#include "log.h"

void jobs_init(struct jobs *jobs, uv_loop_t *loop, const struct settings *settings)
{
	*jobs = (struct jobs){ .loop = loop, .settings = settings };
	jobs->last = &jobs->first;
}

void jobs_release(struct jobs *jobs)
{
	for (struct job *job = jobs->first, *next; job; job = next) {
		next = job->next;
		job_free(job);
	}
	jobs->first = NULL;
	jobs->last = &jobs->first;
}

static bool is_unauthenticated(const struct job *job)
{
	return !job->is_source && job->child && job->state == JOB_STARTING && !job->is_lane;
}

struct jobs_counts jobs_count(const struct jobs *jobs)
{
	struct jobs_counts counts = { 0 };

	for (const struct job *job = jobs->first; job; job = job->next) {
		counts.alive += job->child || job->state == JOB_SETTLING;
		counts.sources += job->child && job->is_source;
		counts.incoming += job->child && !job->is_source;
		counts.unauthenticated += is_unauthenticated(job);
	}
	return counts;
}

struct crowd jobs_crowd(const struct jobs *jobs, const struct address *from)
{
	struct crowd crowd = { 0 };

	for (const struct job *job = jobs->first; job; job = job->next) {
		bool is_stranger = is_unauthenticated(job) && !job->is_known;

		if (!job->child || job->is_source)
			continue;
		crowd.incoming++;
		crowd.from_address += address_same_host(&job->address, from);
		crowd.unauthenticated += is_unauthenticated(job);
		crowd.strangers += is_stranger;
		crowd.strangers_of_network += is_stranger && address_same_network(&job->address, from);
	}
	return crowd;
}

/* --- beginning --------------------------------------------------------------- */

static struct job *jobs_add(struct jobs *jobs)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		fail(ENOMEM, "no memory for a job");
		return NULL;
	}
	job->jobs = jobs;
	job->number = ++jobs->started;
	*jobs->last = job;
	jobs->last = &job->next;
	return job;
}

/* It never became one. */
static void job_drop(struct jobs *jobs, struct job **at)
{
	struct job *job = *at;

	*at = job->next;
	if (jobs->last == &job->next)
		jobs->last = at;
	job_free(job);
}

static void drop_last(struct jobs *jobs)
{
	struct job **at = &jobs->first;

	while ((*at)->next)
		at = &(*at)->next;
	job_drop(jobs, at);
}

static int start_source(struct job *job, const struct request *request)
{
	char *argv[REQUEST_WORDS + 8] = { job->jobs->settings->pvferry, "migrate", "--foreground",
					  "--control" };
	const char *pki = job->jobs->settings->pki;
	char pki_option[PATH_MAX + 8];
	unsigned int n = 4;

	if (pki) { /* an option of the request, behind it, replaces it */
		snprintf(pki_option, sizeof(pki_option), "--pki=%s", pki);
		argv[n++] = pki_option;
	}
	for (unsigned int i = 0; i < request->option_count; i++)
		argv[n++] = request->options[i];
	argv[n++] = "--";
	argv[n++] = job->domain = strdup(request->domain);
	argv[n++] = job->peer = strdup(request->host);
	if (!job->domain || !job->peer)
		return fail(ENOMEM, "no memory for a job");
	return job_start(job, argv, -1);
}

uint64_t jobs_migrate(struct jobs *jobs, const struct request *request)
{
	struct job *job;

	if (jobs->is_stopping)
		fail(ESHUTDOWN, "pvferryd is stopping");
	else if (jobs_count(jobs).sources >= jobs->settings->max_jobs)
		fail(EBUSY, "limit of %u jobs reached (max-jobs)", jobs->settings->max_jobs);
	else if ((job = jobs_add(jobs))) {
		job->is_source = true;
		if (!start_source(job, request)) {
			jobs->changed(jobs->context);
			return job->number;
		}
		drop_last(jobs);
	}
	return 0;
}

static int start_destination(struct job *job, int connection)
{
	const struct settings *settings = job->jobs->settings;
	char *argv[2 * SETTINGS_NAMES + 16] = { settings->pvferry, "receive", "--control", "--connection",
						"3" };
	char seconds[16];
	unsigned int n = 5;

	_Static_assert(CHILD_CONNECTION == 3, "as it is written above");
	argv[n++] = settings->is_plain ? "--plain" : "--tls";
	snprintf(seconds, sizeof(seconds), "%u", settings->handshake_seconds);
	argv[n++] = "--handshake-timeout";
	argv[n++] = seconds;
	if (settings->pki) {
		argv[n++] = "--pki";
		argv[n++] = settings->pki;
	}
	if (settings->allow_devices) {
		argv[n++] = "--allow-device";
		argv[n++] = settings->allow_devices;
	}
	if (settings->allow_config) {
		argv[n++] = "--allow-config";
		argv[n++] = settings->allow_config;
	}
	for (unsigned int i = 0; i < settings->allow_count && !settings->is_plain; i++) {
		argv[n++] = "--allow";
		argv[n++] = settings->allow[i];
	}
	return job_start(job, argv, connection);
}

int jobs_receive(struct jobs *jobs, int connection, const struct address *from)
{
	struct job *job = jobs_add(jobs);
	char text[ADDRESS_TEXT];

	if (!job)
		return -ENOMEM;
	job->address = *from;
	job->is_known = known_has(&jobs->known, from);
	job->peer = strdup(address_text(from, text));
	if (!job->peer || start_destination(job, connection)) {
		drop_last(jobs);
		return fail(EIO, "no memory for a job");
	}
	program_within(job->child, jobs->settings->handshake_seconds);
	jobs->changed(jobs->context);
	return 0;
}

/* --- looking ------------------------------------------------------------------ */

static bool is_called(const struct job *job, const char *name)
{
	size_t length = strlen(name);

	return *job->id && ((length >= 4 && !strncmp(job->id, name, length)) ||
			    (job->state != JOB_ENDED && job->domain && !strcmp(job->domain, name)));
}

/* A guest moving from here to here is two jobs of one id, of which the source's is meant. */
static bool is_preferred(const struct job *job, const struct job *other)
{
	return !strcmp(job->id, other->id) && job->is_source && !other->is_source;
}

struct job *jobs_find(const struct jobs *jobs, const char *name)
{
	struct job *found = NULL;

	for (struct job *job = jobs->first; job; job = job->next) {
		if (!is_called(job, name) || (found && is_preferred(found, job)))
			continue;
		if (found && !is_preferred(job, found)) {
			fail(ENOTUNIQ, "\"%s\" is more than one job", name);
			return NULL;
		}
		found = job;
	}
	if (!found)
		jobs_fail_to_find(name);
	return found;
}

/* --- ending ------------------------------------------------------------------- */

void jobs_tidy(struct jobs *jobs)
{
	unsigned int ended = 0;

	for (const struct job *job = jobs->first; job; job = job->next)
		ended += job->state == JOB_ENDED && *job->id;
	for (struct job **at = &jobs->first; *at;) {
		bool is_job = *(*at)->id;

		if ((*at)->state != JOB_ENDED || (is_job && ended <= JOBS_ENDED)) {
			at = &(*at)->next;
			continue;
		}
		ended -= is_job;
		job_drop(jobs, at);
	}
}

void jobs_stop(struct jobs *jobs)
{
	jobs->is_stopping = true;
	for (struct job *job = jobs->first; job; job = job->next) {
		if (!job->child)
			continue;
		if (job->state == JOB_STARTING && !job->is_source && !job->is_lane)
			program_signal(job->child, SIGTERM, true);
		else if (job_cancel(job))
			say(SAY_WARNING, "%s", fail_reason());
		fail_forget();
	}
}

unsigned int jobs_terminate(struct jobs *jobs)
{
	unsigned int count = 0;

	for (struct job *job = jobs->first; job; job = job->next)
		if (job->child) {
			program_signal(job->child, SIGTERM, false);
			count++;
		}
	return count;
}
