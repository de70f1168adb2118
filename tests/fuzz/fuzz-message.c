/* What the other host says: bytes -> messages -> JSON -> an offer. Nothing is believed, and nothing beyond a message is touched. */
#include <errno.h>
#include <json-c/json.h>

#include "fuzz.h"
#include "machine/offer.h"
#include "stream/message.h"

static void look_at_offer(const struct json_object *body)
{
	struct offer offer;
	struct json_object *again;
	int rc = offer_from_json(&offer, body);

	expect_reason(rc);
	if (rc)
		return;
	expect(job_is_name(offer.job) && !domain_name_defect(offer.domain));
	expect(offer.lanes >= 1 && offer.lanes <= OFFER_LANES_MOST);
	expect(offer.frames && offer.frames <= PFN_LIMIT);
	again = offer_to_json(&offer);
	expect(!offer_from_json(&offer, again));
	json_object_put(again);
}

static void look_at_body(const struct line *line, const struct message *message)
{
	struct json_object *body = body_parse(message->body, message->bytes);
	char text[16];

	expect(body || *fail_reason());
	if (!body)
		return;
	body_copy(body, "reason", text, sizeof(text));
	for (const char *c = text; *c; c++)
		expect(*c >= ' ' && *c <= '~');
	body_number(body, "domid", 0);
	if (message->type == MESSAGE_OFFER)
		look_at_offer(body);
	json_object_put(body);
	expect(message_reason(line, message) == -ECONNABORTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	/* As if all of it had been heard, and the other side had left then. */
	struct line line = { .in = -1, .out = -1, .peer = "the peer", .is_over = true, .end = count };
	struct message message;
	int rc;

	line.inbox = malloc(count + !count);
	memcpy(line.inbox, data, count);
	while ((rc = message_next(&line, &message)) > 0) {
		expect(message.body + message.bytes <= line.inbox + count);
		expect(strcmp(message_name(message.type), message_name(0)));
		if (message.type != MESSAGE_DATA && message.type != MESSAGE_POLICY && message.type != MESSAGE_END)
			look_at_body(&line, &message);
		fail_forget();
	}
	expect(rc < 0);
	expect_reason(rc);
	fail_forget();
	free(line.inbox);
	return 0;
}
