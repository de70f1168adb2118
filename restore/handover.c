/*
 * Who may run the guest:
 *
 *	moment                        source            destination        if the line breaks now
 *	streaming                     runs              being built        source goes on, destination destroys
 *	suspended, before READY       suspended         being built        source resumes, destination destroys
 *	READY sent, before GO         suspended         complete, paused   source resumes, destination destroys
 *	GO read                       suspended, kept   runs               destination runs it, whatever the line does
 *	RUNNING sent                  destroyed         runs               nothing
 *
 * That GO was read is in the journal before the guest runs.
 *
 * Mirror: migrate/handover.c
 */
#include "restore/handover.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "process/child.h"
#include "process/stop.h"
#include "restore/consult.h"
#include "restore/destination-session.h"
#include "restore/preflight-devices.h"
#include "restore/query.h"
#include "restore/settle.h"
#include "stream/message.h"

enum {
	GO_MS = 60000,
	DRAIN_MS = 2000,
};

static void take_stage_enter(struct destination_session *t, enum take_stage stage)
{
	t->status->began_ns[stage] = line_now();
	t->status->stage = stage;
}

int destination_session_note(struct destination_session *t, enum journal_stage stage)
{
	t->status->journal.stage = stage;
	t->status->journal.domid = t->status->built->domain;
	return journal_write(&t->status->journal);
}

/* --- the beginning ---------------------------------------------------------- */

static int open_line(struct destination_session *t)
{
	int rc = receiver_start(&t->receiver, &t->line, t->take);

	snprintf(t->status->peer, sizeof(t->status->peer), "%s", t->line.peer);
	return rc;
}

/* Until the builder has ended no other job may take the guest for its own, whatever becomes of us. */
static unsigned int hold_locks(struct destination_session *t)
{
	t->locks[0] = t->status->lock;
	t->locks[1] = t->name_lock;
	t->locks[2] = t->uuid_lock;
	return sizeof(t->locks) / sizeof(*t->locks);
}

/* early-devices only where the source asked for it; one of an older pvferry does not, and gives the devices away with END. */
static int send_accept(struct destination_session *t, const struct device_order *order)
{
	struct json_object *body = json_object_new_object();

	body_put_flag(body, "early-devices", order->is_early);
	body_put_text(body, "reason", order->reason);
	return message_send_json(&t->line, MESSAGE_ACCEPT, body);
}

static int accept_offer(struct destination_session *t)
{
	struct take_status *status = t->status;
	struct device_order order = preflight_order(&status->offer, t->take->options.without_devices);
	int rc = joined_open(&t->lanes, status->offer.lanes, status->offer.job);

	if (!rc)
		rc = send_accept(t, &order);
	if (rc)
		return rc;
	snprintf(t->name, sizeof(t->name), "%s" INCOMING_SUFFIX, status->offer.domain);
	t->take->options.name = t->name;
	uuid_parse(status->offer.uuid, t->uuid);
	t->take->options.uuid = t->uuid;
	t->take->options.most_pfns = offer_most_pfns(&status->offer);
	t->take->options.force |= status->offer.force;
	t->take->options.without_devices |= status->offer.without_devices;
	t->take->options.locks = t->locks;
	t->take->options.lock_count = hold_locks(t);
	maker_take_locks(&t->maker, t->locks, t->take->options.lock_count);
	if (!order.is_early)
		maker_wait_for_word(&t->maker);
	t->take->options.maker = &t->maker.maker;
	take_stage_enter(t, TAKE_BUILDING);
	rc = joined_wait(&t->lanes, &t->line);
	return rc ? rc : builder_start(&t->builder, status->built, &t->take->options);
}

/* --- the handover --------------------------------------------------------------- */

static int send_ready(struct destination_session *t)
{
	struct json_object *body;
	int rc = destination_session_note(t, JOURNAL_READY);

	if (rc)
		return rc;
	take_stage_enter(t, TAKE_READY);
	body = json_object_new_object();
	body_put_number(body, "domid", t->status->built->domain);
	body_put_number(body, "build-ms", (line_now() - t->all_read_ns) / 1000000);
	return message_send_json(&t->line, MESSAGE_READY, body);
}

static int wait_go(struct destination_session *t)
{
	struct message message;
	int rc = message_wait(&t->line, &message, "GO", GO_MS);

	if (rc)
		return rc;
	if (message.type == MESSAGE_FAILED)
		return message_reason(&t->line, &message);
	return message.type == MESSAGE_GO
		     ? 0
		     : fail(EPROTO, "%s sends %s instead of GO", t->line.peer, message_name(message.type));
}

/* From here on no signal stops us, and no line is needed. */
static int run_guest(struct destination_session *t)
{
	uint64_t start = line_now();
	struct json_object *body;
	int rc;

	stop_ignore();
	rc = destination_session_note(t, JOURNAL_GO);
	if (rc)
		return rc;
	take_stage_enter(t, TAKE_GO);
	rc = destination_run(&t->status->journal);
	if (rc)
		return rc;
	take_stage_enter(t, TAKE_RUNNING);
	body = json_object_new_object();
	body_put_number(body, "domid", t->status->built->domain);
	body_put_number(body, "unpause-ms", (line_now() - start) / 1000000);
	if (message_send_json(&t->line, MESSAGE_RUNNING, body))
		say(SAY_WARNING, "the domain runs, but the other host could not be told: %s", fail_reason());
	rc = destination_session_note(t, JOURNAL_RUNNING);
	if (rc)
		say(SAY_WARNING, "the domain runs, but the journal does not say so: %s", fail_reason());
	line_drain(&t->line, DRAIN_MS);
	return 0;
}

static int hand_over(struct destination_session *t)
{
	int rc = take_image(t);

	if (rc == -EPIPE) { /* the builder has ended before its time */
		struct builder *builder = t->builder;

		t->builder = NULL;
		rc = builder_finish(builder);
		rc = rc ? rc : fail(EBADMSG, "something follows the image");
	} else if (!rc) {
		rc = finish_building(t);
	}
	if (!rc)
		rc = send_ready(t);
	if (!rc)
		rc = wait_go(t);
	return rc ? rc : run_guest(t);
}

/* --- the end ---------------------------------------------------------------------- */

static void tell_failure(struct destination_session *t, bool is_gone)
{
	struct json_object *body = json_object_new_object();
	bool is_taken = t->status->stage >= TAKE_BUILDING;

	body_put_text(body, "reason", fail_reason());
	if (is_gone)
		body_put_text(body, "state", "destroyed");
	t->status->is_known = !message_send_last(&t->line, is_taken ? MESSAGE_FAILED : MESSAGE_REFUSE, body);
}

/* A builder that was killed may have had no time to say that it had created a domain: then that is looked for. */
static void remove_unknown(struct destination_session *t)
{
	char reason[1024];

	snprintf(reason, sizeof(reason), "%s", fail_reason());
	t->status->built->is_there = destination_remove(&t->status->journal);
	fail_forget();
	fail(EIO, "%s", reason);
}

/* Without READY there was no GO, and the other host will never have to ask. */
static void forget_or_note(struct destination_session *t)
{
	if (t->status->stage < TAKE_READY)
		journal_remove(t->status->journal.job, JOURNAL_DESTINATION);
	else
		destination_session_note(t, JOURNAL_DESTROYED);
}

/* There is to be no guest here; once that is so, others are told why. */
static void give_up(struct destination_session *t, int error)
{
	struct take_status *status = t->status;

	stop_ignore();
	if (t->builder)
		builder_abort(t->builder);
	maker_finish(&t->maker, error);
	builder_clean_up(status->built);
	if (*status->journal.job) {
		snprintf(status->journal.reason, sizeof(status->journal.reason), "%.500s", fail_reason());
		if (!status->built->is_created)
			remove_unknown(t);
		if (!status->built->is_there)
			forget_or_note(t);
	}
	if (!status->built->is_there && status->stage >= TAKE_BUILDING && status->stage != TAKE_ANSWERED)
		take_stage_enter(t, TAKE_REMOVED);
	if (error == -ECONNABORTED)
		status->is_known = true;
	else if (t->line.inbox && t->line.out >= 0)
		tell_failure(t, status->stage == TAKE_REMOVED);
}

static int answer(struct destination_session *t, const struct message *message)
{
	int rc;

	if (message->type == MESSAGE_QUERY) {
		rc = answer_query(&t->line, message);
		take_stage_enter(t, TAKE_ANSWERED);
		line_drain(&t->line, DRAIN_MS);
		return rc;
	}
	if (message->type == MESSAGE_CONSULT) {
		rc = answer_consult(&t->line);
		take_stage_enter(t, TAKE_ANSWERED);
		return rc;
	}
	if (message->type == MESSAGE_JOIN) {
		rc = lane_join(&t->line, message, &t->status->is_lane);
		take_stage_enter(t, TAKE_ANSWERED);
		return rc;
	}
	if (message->type != MESSAGE_OFFER)
		return fail(EPROTO, "%s begins with %s", t->line.peer, message_name(message->type));
	maker_init(&t->maker, t->status->built);
	rc = take_offer(t, message);
	if (!rc)
		rc = accept_offer(t);
	return rc ? rc : hand_over(t);
}

int take_guest(struct take *take)
{
	struct destination_session t = { .take = take,
					 .status = take->status,
					 .name_lock = -1,
					 .uuid_lock = -1,
					 .maker.toolstack.fd = -1,
					 .hash = XXH64_createState() };
	struct message message;
	int rc;

	if (!t.hash)
		return fail(ENOMEM, "out of memory");
	XXH64_reset(t.hash, 0);
	rc = open_line(&t);
	if (!rc)
		rc = message_wait(&t.line, &message, "offer", t.line.handshake_ms);
	if (!rc)
		rc = answer(&t, &message);
	if (rc) {
		rc = front_reason(&t.receiver, &t.line, rc);
		give_up(&t, rc);
	}
	maker_release(&t.maker);
	joined_close(&t.lanes);
	line_close(&t.line);
	front_end(t.receiver);
	XXH64_freeState(t.hash);
	if (*take->status->journal.job)
		journal_unlock(take->status->journal.job, JOURNAL_DESTINATION, take->status->lock);
	journal_unlock_uuid(take->status->offer.uuid, t.uuid_lock);
	journal_unlock_name(take->status->offer.domain, t.name_lock);
	return rc;
}
