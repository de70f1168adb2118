/* HELLO, see message.h. What it has that we do not know is of no concern to us. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "log.h"
#include "stream/message.h"
#include "version.h"

static struct json_object *make_hello(void)
{
	struct json_object *hello = json_object_new_object(), *limits = json_object_new_object();
	struct json_object *features = json_object_new_array();

	json_object_array_add(features, json_object_new_string("lanes"));
	body_put_number(hello, "protocol", PROTOCOL_VERSION);
	body_put_number(hello, "oldest-protocol", PROTOCOL_VERSION);
	body_put_text(hello, "software", "pvferry " PVFERRY_VERSION);
	json_object_object_add(hello, "features", features);
	body_put_number(limits, "data-bytes", DATA_MAX_BYTES);
	json_object_object_add(hello, "limits", limits);
	return hello;
}

static int check_version(struct line *line, const struct json_object *hello)
{
	int64_t newest = body_number(hello, "protocol", 0);
	int64_t oldest = body_number(hello, "oldest-protocol", newest);
	struct json_object *refusal;
	char text[256], software[64];

	if (oldest <= PROTOCOL_VERSION && PROTOCOL_VERSION <= newest)
		return 0;
	body_copy(hello, "software", software, sizeof(software));
	snprintf(text, sizeof(text), "%s speaks versions %ld to %ld of the protocol, pvferry %s version %d",
		 *software ? software : "the other side", oldest, newest, PVFERRY_VERSION, PROTOCOL_VERSION);
	refusal = json_object_new_object();
	body_put_text(refusal, "reason", text);
	message_send_json(line, MESSAGE_REFUSE, refusal);
	return fail(EPROTO, "%s", text);
}

int message_hello(struct line *line, int most_ms)
{
	int rc = message_send_json(line, MESSAGE_HELLO, make_hello());
	struct json_object *hello;

	if (rc)
		return rc;
	hello = message_expect(line, MESSAGE_HELLO, most_ms);
	if (!hello)
		return -EPROTO;
	rc = check_version(line, hello);
	json_object_put(hello);
	return rc;
}
