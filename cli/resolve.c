/*
 * pvferry resolve: settles migrations that were cut short, by the tables of
 * the two handover.c; where those leave the source in doubt, the other host
 * is asked.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "journal/journal.h"
#include "text/text.h"
#include "log.h"
#include "machine/watch.h"
#include "migrate/query.h"
#include "migrate/settle.h"
#include "restore/settle.h"
#include "stream/body.h"

enum { KEEP_DAYS = 30 };

struct settings {
	bool moved, here, recover;
};

static bool resolve_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *settings = context;

	(void)value;
	switch (option) {
	case OPTION_MOVED: settings->moved = true; break;
	case OPTION_HERE: settings->here = true; break;
	case OPTION_RECOVER: settings->recover = true; break;
	default: break;
	}
	return true;
}

/* --- telling ------------------------------------------------------------------ */

static const char *sentence(const struct journal *journal)
{
	static const char *const sentences[JOURNAL_STAGES] = {
		[JOURNAL_GO] = "waits here, suspended, and may run on the other host",
		[JOURNAL_DONE] = "runs on the other host",
		[JOURNAL_KEPT] = "stayed here",
		[JOURNAL_ENDED] = "stayed here, and has ended",
		[JOURNAL_RUNNING] = "arrived here and runs",
		[JOURNAL_DESTROYED] = "did not arrive here",
	};
	const char *text = sentences[journal->stage];

	if (journal_is_of_save(journal))
		return journal->stage == JOURNAL_KEPT  ? "was not saved and runs"
		     : journal->stage == JOURNAL_ENDED ? "was not saved"
						       : "is being saved";
	return text ? text : "is being migrated";
}

static void outcome_show(const struct journal *journal)
{
	char domain[512], reason[1024];
	struct json_object *json;

	if (!common.json) {
		printf("%s: %s %s%s%s\n", journal->job, text_visible(domain, sizeof(domain), journal->domain),
		       sentence(journal), *journal->reason ? ": " : "",
		       text_visible(reason, sizeof(reason), journal->reason));
		return;
	}
	json = json_object_new_object();
	body_put_text(json, "job", journal->job);
	body_put_text(json, "role", journal->role == JOURNAL_SOURCE ? "source" : "destination");
	body_put_text(json, "domain", journal->domain);
	body_put_number(json, "domid", journal->domid);
	body_put_text(json, "stage", journal_stage_name(journal->stage));
	body_put_text(json, "reason", journal->reason);
	print_json(stdout, json, JSON_C_TO_STRING_PLAIN);
	json_object_put(json);
}

/* --- the source in doubt --------------------------------------------------------- */

/* A person says where it runs. */
static bool is_said(const struct settings *settings)
{
	return settings->here || settings->moved;
}

/*
 * A guest that went from this host to this host: the answer lies beside the
 * question. A host that was offered the guest knows the job and can have
 * offered it to this one: of that the journal does not say that it is from here.
 */
static bool find_answer_here(const struct journal *journal, struct answer *answer)
{
	struct journal other;

	if (journal_read(&other, journal->job, JOURNAL_DESTINATION)) {
		fail_forget();
		return false;
	}
	if (!other.is_from_here || strcmp(other.uuid, journal->uuid))
		return false;
	snprintf(answer->state, sizeof(answer->state), "%s", journal_stage_name(other.stage));
	return journal_is_settled(&other);
}

/* 1: it runs there, 0: it never will; -EAGAIN, with a reason: neither host knows. */
static int find_out(const struct journal *journal, const struct settings *settings)
{
	static const char unknown[] = "unknown";
	struct answer answer = { .state = "" };
	int rc = find_answer_here(journal, &answer) ? 0 : query_destination(journal, &answer);

	if (!rc && !strcmp(answer.state, journal_stage_name(JOURNAL_RUNNING)))
		return settings->here
			     ? fail(EBUSY, "%s reports that it runs there: it is not resumed here as well",
				    journal->peer)
			     : 1;
	if (!rc && !strcmp(answer.state, journal_stage_name(JOURNAL_DESTROYED)))
		return settings->moved
			     ? fail(EBUSY, "%s reports that it does not run there: it is not removed here",
				    journal->peer)
			     : 0;
	/* A process may be at work on it there, which GO may still reach: then no person's word counts either. */
	if (!rc && (strcmp(answer.state, unknown) || !is_said(settings)))
		return fail(EAGAIN, "%s answers \"%s\"%s%s", journal->peer, answer.state,
			    *answer.reason ? ": " : "", answer.reason);
	if (!is_said(settings))
		return -EAGAIN;
	fail_forget();
	return settings->moved;
}

static int settle_source(struct journal *journal, const struct settings *settings)
{
	int runs_there = 0;

	if (journal->stage == JOURNAL_GO && settings->recover)
		return 0; /* to be asked for by name */
	if (journal->stage == JOURNAL_GO)
		runs_there = find_out(journal, settings);
	return runs_there < 0 ? runs_there : source_conclude(journal, runs_there);
}

/* --- one entry, all entries --------------------------------------------------------- */

/* -EBUSY if a process is at work on it. */
static int entry_settle(struct journal *journal, const struct settings *settings)
{
	int lock, rc;

	if (journal_is_settled(journal))
		return 0;
	rc = journal_lock(journal->job, journal->role, &lock);
	if (rc)
		return rc;
	rc = journal_read(journal, journal->job, journal->role);
	if (!rc && !journal_is_settled(journal))
		rc = journal->role == JOURNAL_SOURCE ? settle_source(journal, settings)
						     : destination_recover(journal);
	journal_unlock(journal->job, journal->role, lock);
	return rc;
}

static int worse(int status, int other)
{
	return other > status ? other : status;
}

/* What the two options destroy, and what to look at before, is said to a person who is about to choose. */
static void say_doubt(const struct journal *journal, const struct settings *settings)
{
	char outcome[800];

	if (is_said(settings))
		snprintf(outcome, sizeof(outcome), "%.200s stays suspended here", journal->domain);
	else
		snprintf(outcome, sizeof(outcome),
			 "%.200s stays suspended here. Look on %.200s first (\"xl list\"): if it runs there, "
			 "--moved "
			 "destroys the copy here; if you are certain that it does not, --here resumes it "
			 "here. If both "
			 "run, its disks are corrupted",
			 journal->domain, journal->peer);
	say_failure("resolve", journal->job, outcome);
}

/* Not the second time, if a process that has died since had begun that. */
static void have_it_watched(const struct journal *journal)
{
	int rc = watch_start(journal->domid, false);

	if (rc && rc != -EBUSY)
		say(SAY_WARNING, "%s runs, but no process watches it: %s", journal->domain, fail_reason());
	fail_forget();
}

static int settle_and_watch(struct journal *journal, const struct settings *settings)
{
	bool arrives = journal->role == JOURNAL_DESTINATION && !journal_is_settled(journal);
	int rc = entry_settle(journal, settings);

	if (!rc && journal->was_resumed)
		watch_resumed(journal->domid);
	if (!rc && arrives && journal->stage == JOURNAL_RUNNING)
		have_it_watched(journal);
	return rc;
}

static int settle_and_tell(struct journal *journal, const struct settings *settings)
{
	int rc = settle_and_watch(journal, settings);

	if (rc && rc != -EAGAIN)
		return say_failure("resolve", journal->job, sentence(journal));
	if (rc)
		say_doubt(journal, settings);
	else
		outcome_show(journal);
	return journal_is_settled(journal) ? EXIT_DONE : EXIT_UNSETTLED;
}

/* Where it runs is for a person to say only of a source in doubt. What is not there is told later. */
static int check_doubt(const char *job)
{
	struct journal journal;
	int rc = journal_read(&journal, job, JOURNAL_SOURCE);

	if (!rc && journal.stage != JOURNAL_GO)
		return fail(EINVAL, "%s: %s %s",
			    journal_is_settled(&journal) ? "already resolved" : "not in doubt",
			    journal.domain, sentence(&journal));
	if (rc == -ENOENT && !journal_read(&journal, job, JOURNAL_DESTINATION))
		return fail(EINVAL, "--moved and --here are for %s, the host that %s came from", journal.peer,
			    journal.domain);
	return rc == -ENOENT ? 0 : rc;
}

static int resolve(const char *job, const struct settings *settings)
{
	static const enum journal_role roles[] = { JOURNAL_DESTINATION, JOURNAL_SOURCE };
	int status = EXIT_DONE, found = 0;

	if (is_said(settings) && check_doubt(job))
		return say_failure("resolve", job, NULL);
	for (int i = 0; i < 2; i++) {
		struct journal journal;
		int rc = journal_read(&journal, job, roles[i]);

		if (rc == -ENOENT)
			continue;
		if (rc)
			return say_failure("resolve", job, NULL);
		found++;
		status = worse(status, settle_and_tell(&journal, settings));
		fail_forget();
	}
	if (found)
		return status;
	fail(ENOENT, "no journal here names such a job; \"pvferry jobs\" lists the jobs");
	return say_failure("resolve", job, NULL);
}

/* What is settled is kept for those who ask, but not for ever. */
static bool is_old(const struct journal *journal)
{
	return journal_is_settled(journal) && journal->time + KEEP_DAYS * 86400LL < time(NULL);
}

static int recover(const struct settings *settings)
{
	int status = EXIT_DONE;
	struct journal *list;
	size_t count;

	if (journal_list(&list, &count))
		return say_failure("resolve", "--recover",
				   geteuid() ? "nothing was settled: run it as root" : "nothing was settled");
	for (size_t i = 0; i < count; i++) {
		bool was_settled = journal_is_settled(&list[i]);
		int rc = settle_and_watch(&list[i], settings);

		if (rc && rc != -EBUSY)
			status = worse(status, say_failure("resolve", list[i].job, sentence(&list[i])));
		else if (!rc && !was_settled)
			outcome_show(&list[i]);
		if (!rc && !journal_is_settled(&list[i]))
			status = worse(status, EXIT_UNSETTLED);
		if (is_old(&list[i]))
			journal_remove(list[i].job, list[i].role);
		fail_forget();
	}
	free(list);
	journal_prune();
	journal_sweep();
	watch_recover();
	return status;
}

int run_resolve(const struct command *self, int argc, char **argv)
{
	struct settings settings = { 0 };
	char job[JOB_DIGITS + 1];
	int first = command_options(self, argc, argv, resolve_set, &settings);

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != !settings.recover || settings.moved + settings.here + settings.recover > 1 ||
	    (!settings.recover && !job_is_beginning(argv[first]))) {
		say_wrong("resolve takes a JOB, and --moved or --here but not both; or --recover");
		return EXIT_USAGE;
	}
	if (settings.recover)
		return recover(&settings);
	return journal_find(argv[first], job) ? say_failure("resolve", argv[first], NULL)
					      : resolve(job, &settings);
}
