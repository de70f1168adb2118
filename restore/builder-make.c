/* The parent's side of a MAKE and a ROOM: see builder-order.h. The builder is believed: code that took it over has all of Xen already. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "log.h"
#include "restore/builder-order.h"

static int builder_make(struct bytes *config, const struct domain_maker *maker,
			const struct builder_message *message, struct builder_answer *answer)
{
	struct new_domain wanted = { .name = message->text, .width = message->width };
	int rc;

	bytes_put(config, "", 1);
	rc = bytes_check(config);
	wanted.config = (const char *)config->at;
	memcpy(wanted.uuid, message->uuid, sizeof(wanted.uuid));
	if (!maker || message->text[sizeof(message->text) - 1])
		return fail(EPROTO, "the builder asks for a toolstack");
	return rc ? rc : maker->make(&wanted, &answer->domain, &answer->connections, maker->context);
}

/* If the builder is gone, that is the reason; else it fails for the one it gets. */
static void builder_answer(int talk, struct builder_answer *answer)
{
	if (answer->rc)
		snprintf(answer->reason, sizeof(answer->reason), "%s", fail_reason());
	fail_forget();
	send(talk, answer, sizeof(*answer), MSG_NOSIGNAL);
}

void builder_answer_make(struct bytes *config, const struct domain_maker *maker, int talk,
			 const struct builder_message *message)
{
	struct builder_answer answer = { 0 };

	answer.rc = builder_make(config, maker, message, &answer);
	bytes_release(config);
	builder_answer(talk, &answer);
}

void builder_answer_room(const struct domain_maker *maker, int talk, const struct builder_message *message)
{
	struct builder_answer answer = { 0 };

	answer.rc = maker ? maker->make_room(message->kib, maker->context)
			  : fail(EPROTO, "the builder asks for a toolstack");
	builder_answer(talk, &answer);
}
