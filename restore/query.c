/*
 * See query.h. Answers a source that asks how a job ended. The trap: the answer decides which host keeps the guest, so
 * it is given from the journal only, under its lock, and after what is half done has been put right.
 */
#include "restore/query.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "journal/journal.h"
#include "log.h"
#include "restore/receiver.h"
#include "restore/settle.h"

/* If no process is at work on the job, it is decided here and now. */
static int query_settle(struct journal *journal)
{
	int lock, rc;

	if (journal_is_settled(journal))
		return 0;
	rc = journal_lock(journal->job, JOURNAL_DESTINATION, &lock);
	/* A process is at work on it: its journal says how far it is, and the source may ask again. */
	if (rc == -EBUSY) {
		fail_forget();
		return 0;
	}
	if (rc)
		return rc;
	rc = journal_read(journal, journal->job, JOURNAL_DESTINATION);
	if (!rc)
		rc = destination_recover(journal);
	journal_unlock(journal->job, JOURNAL_DESTINATION, lock);
	return rc;
}

int answer_query(struct line *line, const struct message *query)
{
	struct journal journal = { .job = "" };
	struct json_object *state;
	struct heard_job heard;
	int rc = heard_job(line, query, &heard);
	const char *job = heard.job;

	if (rc)
		return rc;
	if (!job_is_name(job))
		return fail(EPROTO, "%s asks for a job with an invalid name", line->peer);
	rc = journal_read(&journal, job, JOURNAL_DESTINATION);
	if (!rc)
		rc = query_settle(&journal);
	if (rc == -EBADMSG) { /* then a person has to look; the file's name is for those of this host */
		say(SAY_WARNING, "%s", fail_reason());
		snprintf(journal.reason, sizeof(journal.reason), "the journal of this job is damaged there");
	} else if (rc && rc != -ENOENT) {
		return rc;
	}
	fail_forget();
	state = json_object_new_object();
	body_put_text(state, "state", rc ? "unknown" : journal_stage_name(journal.stage));
	body_put_text(state, "reason", journal.reason);
	return message_send_json(line, MESSAGE_STATE, state);
}
