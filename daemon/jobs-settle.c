/*
 * Jobs, and what their journals on disk say: of those whose process died, and of
 * those that are not ours. See jobs.h.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs.h"
#include "journal/journal.h"
#include "log.h"

static bool is_of(const struct journal *journal, const struct job *job)
{
	return !strcmp(journal->job, job->id) && (journal->role == JOURNAL_SOURCE) == job->is_source;
}

static enum outcome outcome(const struct journal *journal)
{
	switch (journal->stage) {
	case JOURNAL_GO: return journal->role == JOURNAL_SOURCE ? OUTCOME_IN_DOUBT : OUTCOME_UNDER_WAY;
	case JOURNAL_DONE:
	case JOURNAL_RUNNING: return OUTCOME_MOVED;
	case JOURNAL_KEPT:
	case JOURNAL_ENDED:
	case JOURNAL_DESTROYED: return OUTCOME_NOT_MOVED;
	default: return OUTCOME_UNDER_WAY;
	}
}

static enum outcome find_outcome(const struct journal *list, size_t count, const struct job *job)
{
	for (size_t i = 0; i < count; i++)
		if (is_of(&list[i], job))
			return outcome(&list[i]);
	return OUTCOME_NONE;
}

static const struct job *find_job(const struct jobs *jobs, const struct journal *journal)
{
	for (const struct job *job = jobs->first; job; job = job->next)
		if (is_of(journal, job))
			return job;
	return NULL;
}

void jobs_fail_to_find(const char *name)
{
	struct journal *list = NULL;
	size_t count = 0, length = strlen(name);

	if (journal_list(&list, &count))
		fail_forget();
	for (size_t i = 0; i < count; i++) {
		bool is_called = (length >= 4 && !strncmp(list[i].job, name, length)) ||
				 !strcmp(list[i].domain, name);

		if (is_called && !journal_is_settled(&list[i]) && journal_is_at_work(&list[i])) {
			fail(ENOENT,
			     "pvferryd did not start job %.8s and cannot change it: \"kill %d\" cancels it",
			     list[i].job, (int)list[i].pid);
			break;
		}
	}
	free(list);
	if (!*fail_reason())
		fail(ENOENT, "pvferryd has no job \"%s\"", name);
}

struct json_object *jobs_describe(const struct jobs *jobs)
{
	struct json_object *all = json_object_new_array(), *json;
	struct journal *list = NULL;
	size_t count = 0;

	if (journal_list(&list, &count))
		say(SAY_WARNING, "%s", fail_reason());
	fail_forget();
	for (const struct job *job = jobs->first; job; job = job->next) {
		bool is_in_doubt = job->state == JOB_ENDED &&
				   find_outcome(list, count, job) == OUTCOME_IN_DOUBT;

		if (!*job->id)
			continue;
		json = job_describe(job);
		json_object_object_add(json, "needs-resolve", json_object_new_boolean(is_in_doubt));
		json_object_array_add(all, json);
	}
	for (size_t i = 0; i < count; i++)
		if (journal_is_recent(&list[i]) && !find_job(jobs, &list[i]))
			json_object_array_add(all, journal_describe(&list[i]));
	free(list);
	return all;
}

bool jobs_settle(struct jobs *jobs, bool is_last_try)
{
	struct journal *list = NULL;
	size_t count = 0;
	bool is_left = false;
	int rc = journal_list(&list, &count);

	if (rc)
		say(SAY_WARNING, "%s", fail_reason());
	fail_forget();
	for (struct job *job = jobs->first; job; job = job->next) {
		enum outcome found = rc ? OUTCOME_UNDER_WAY : find_outcome(list, count, job);

		if (job->state == JOB_SETTLING && (found != OUTCOME_UNDER_WAY || is_last_try))
			job_settle(job, found);
	}
	for (size_t i = 0; i < count; i++) {
		const struct job *job = find_job(jobs, &list[i]);

		is_left |= outcome(&list[i]) == OUTCOME_UNDER_WAY && !(job && job->child);
	}
	free(list);
	jobs_tidy(jobs);
	jobs->changed(jobs->context);
	return is_left || rc;
}
