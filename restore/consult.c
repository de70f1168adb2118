/*
 * See consult.h. Mirror: migrate/consult.c. The answers to a source that asks before it moves anything. The trap: the
 * peer is known by its certificate, but need not be kind: bytes, questions and time have limits.
 */
#include "restore/consult.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "log.h"
#include "machine/machine.h"
#include "stream/message.h"
#include "version.h"
#include "xen/domain.h"

/* A peer that only talks may not hold its place for long. */
enum { QUESTION_MS = 10000, ALL_MS = 60000 };
static const uint64_t most_bytes = 1ULL << 30;

struct answer {
	struct line *line;
	struct host *host; /* NULL: there is no Xen here */
	char reason[512];
	uint64_t bytes;
};

static int answer_send(struct answer *a, const char *reason)
{
	struct json_object *body = json_object_new_object();
	struct host_facts facts = { .xen_version = "" };

	if (a->host && host_facts(a->host, &facts))
		fail_forget();
	body_put_text(body, "software", "pvferry " PVFERRY_VERSION);
	body_put_text(body, "xen", facts.xen_version);
	body_put_number(body, "free-mib", facts.free_frames >> 8);
	body_put_number(body, "bytes", a->bytes);
	body_put_text(body, "reason", reason);
	return message_send_json(a->line, MESSAGE_CONDITION, body);
}

static int answer_compare(struct answer *a, const struct message *policy)
{
	char reason[512] = "";

	if (a->host && cpu_policy_check(a->host, policy->body, policy->bytes, false))
		snprintf(reason, sizeof(reason), "%s", fail_reason());
	fail_forget();
	return answer_send(a, reason);
}

static int count(struct answer *a, const struct message *data)
{
	a->bytes += data->bytes;
	return a->bytes <= most_bytes
		     ? 0
		     : fail(EPROTO, "%s sends more than %lu bytes to measure", a->line->peer, most_bytes);
}

static int answer(struct answer *a, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_CONSULT: return answer_send(a, a->reason);
	case MESSAGE_POLICY: return answer_compare(a, message);
	case MESSAGE_DATA: return count(a, message);
	case MESSAGE_END: return answer_send(a, "");
	default: return fail(EPROTO, "%s sends %s", a->line->peer, message_name(message->type));
	}
}

static int answer_all(struct answer *a)
{
	uint64_t until = line_now() + ALL_MS * 1000000ULL;
	struct message message;
	int rc = answer_send(a, a->reason);

	while (!rc && line_now() < until) {
		rc = message_wait(a->line, &message, "question", QUESTION_MS);
		if (!rc)
			rc = answer(a, &message);
	}
	if (rc != -ECONNRESET)
		return rc;
	fail_forget(); /* it has heard enough */
	return 0;
}

int answer_consult(struct line *line)
{
	struct answer a = { .line = line };
	int rc = host_open(&a.host);

	if (!rc)
		rc = host_check(a.host);
	if (rc)
		snprintf(a.reason, sizeof(a.reason), "%s", fail_reason());
	fail_forget();
	rc = answer_all(&a);
	host_close(a.host);
	return rc;
}
