/*
 * See query.h. Asks the other host how a job ended, by a connection that is made anew from what the journal says. The
 * trap: no answer means nothing: the guest may run there all the same.
 */
#include "migrate/query.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "log.h"
#include "migrate/speaker.h"
#include "stream/front.h"

enum { ANSWER_MS = 60000 }; /* it may have to put something right first */

static int query_ask(struct line *line, const char *job, struct answer *answer)
{
	struct json_object *body = json_object_new_object();
	int rc;

	body_put_text(body, "job", job);
	rc = message_send_json(line, MESSAGE_QUERY, body);
	if (rc)
		return rc;
	body = message_expect(line, MESSAGE_STATE, ANSWER_MS);
	if (!body)
		return -EIO;
	body_copy(body, "state", answer->state, sizeof(answer->state));
	body_copy(body, "reason", answer->reason, sizeof(answer->reason));
	json_object_put(body);
	return 0;
}

int query_destination(const struct journal *journal, struct answer *answer)
{
	struct peer peer = { .port = journal->port };
	char connection[CONNECTION_TEXT];
	struct child *speaker = NULL;
	struct line line = { .in = -1, .out = -1 };
	int rc;

	if (!via_parse(journal->via, &peer.via))
		return fail(EBADMSG, "the journal does not say how to reach the other host");
	snprintf(peer.host, sizeof(peer.host), "%s", journal->peer);
	snprintf(peer.pki, sizeof(peer.pki), "%s", journal->pki);
	snprintf(peer.ssh, sizeof(peer.ssh), "%s", journal->ssh);
	rc = speaker_start(&speaker, &line, &peer, connection);
	if (!rc)
		rc = query_ask(&line, journal->job, answer);
	if (rc)
		rc = connect_explain(&line, &peer, front_reason(&speaker, &line, rc));
	line_close(&line);
	front_end(speaker);
	return rc;
}
