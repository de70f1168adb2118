/* See journal.h: jobs as pvferryd and `pvferry jobs` list those that they did not run themselves. */
#include <json-c/json.h>
#include <time.h>

#include "journal/journal.h"

enum { RECENT_SECONDS = 86400 };

bool journal_is_recent(const struct journal *journal)
{
	return !journal_is_settled(journal) || journal->time + RECENT_SECONDS > time(NULL);
}

static void put_text(struct json_object *json, const char *key, const char *text)
{
	json_object_object_add(json, key, json_object_new_string(text));
}

/* The same words as in the event "end". */
static struct json_object *describe_end(const struct journal *journal)
{
	bool is_moved = journal->stage == JOURNAL_DONE || journal->stage == JOURNAL_RUNNING;
	struct json_object *end = json_object_new_object();

	put_text(end, "status", is_moved ? "completed" : "failed");
	if (*journal->reason)
		put_text(end, "error-desc", journal->reason);
	return end;
}

struct json_object *journal_describe(const struct journal *journal)
{
	bool is_source = journal->role == JOURNAL_SOURCE, is_settled = journal_is_settled(journal);
	struct json_object *json = json_object_new_object();

	put_text(json, "job", journal->job);
	put_text(json, "role", is_source ? "source" : "destination");
	put_text(json, "state", is_settled ? "ended" : "left");
	put_text(json, "domain", journal->domain);
	json_object_object_add(json, "domid", json_object_new_int64(journal->domid));
	put_text(json, "peer", journal->peer);
	json_object_object_add(json, is_settled ? "ended" : "began", json_object_new_int64(journal->time));
	put_text(json, "stage", journal_stage_name(journal->stage));
	json_object_object_add(json, "at-work", json_object_new_boolean(journal_is_at_work(journal)));
	json_object_object_add(json, "needs-resolve",
			       json_object_new_boolean(is_source && journal->stage == JOURNAL_GO));
	if (is_settled)
		json_object_object_add(json, "end", describe_end(journal));
	return json;
}
