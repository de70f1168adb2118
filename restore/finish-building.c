/*
 * The end of the building: the image is all here, and what is left to be done is the builder's and libxl's. See
 * session.h. The guest stands still at the source meanwhile, so the source must hear that this host is still at work,
 * and a time limit ends it.
 */
#include <errno.h>

#include "log.h"
#include "restore/destination-session.h"
#include "stream/message.h"

enum { BUILD_MS = 300000 /* after the last byte */, STEP_MS = 1000 };

/* Only that it is there, or has failed. */
static int hear(struct destination_session *t)
{
	struct message message;
	int rc;

	while ((rc = message_next(&t->line, &message)) > 0)
		if (message.type != MESSAGE_PING)
			return message.type == MESSAGE_FAILED
				     ? message_reason(&t->line, &message)
				     : fail(EPROTO, "%s sends %s behind the image", t->line.peer,
					    message_name(message.type));
	return rc;
}

/* Both work at the same time, and either may be the last. */
static bool goes_on(struct destination_session *t)
{
	return builder_listen(t->builder) || maker_is_waiting(&t->maker);
}

static int wait_for_news(struct destination_session *t)
{
	struct pollfd news[] = { { .fd = builder_watch(t->builder), .events = POLLIN },
				 { .fd = maker_watch(&t->maker), .events = POLLIN } };
	int rc = line_wait(&t->line, news, 2, STEP_MS);

	return rc >= 0 && news[1].revents ? maker_hear(&t->maker) : rc;
}

int finish_building(struct destination_session *t)
{
	uint64_t until = line_now() + BUILD_MS * 1000000ULL;
	struct builder *builder = t->builder;
	int rc;

	while (goes_on(t)) {
		rc = hear(t);
		if (!rc)
			rc = take_tell(t);
		if (!rc)
			rc = wait_for_news(t);
		if (rc >= 0 && line_now() > until)
			rc = fail(ETIMEDOUT, "the domain was not built within %d s", BUILD_MS / 1000);
		if (rc < 0)
			return rc;
	}
	t->builder = NULL;
	rc = maker_finish(&t->maker, builder_finish(builder));
	return rc ? rc : maker_keep(&t->maker);
}
