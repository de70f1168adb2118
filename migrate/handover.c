/*
 * Who may run the guest:
 *
 *	moment                        source            destination        if the line breaks now
 *	streaming                     runs              being built        source goes on, destination destroys
 *	suspended, before READY       suspended         being built        source resumes, destination destroys
 *	READY seen, before GO         suspended         complete, paused   source resumes, destination destroys
 *	GO sent, before RUNNING       suspended, kept   may run            the source decides nothing: `pvferry resolve`
 *	RUNNING seen                  destroyed         runs               nothing
 *
 * Each line is in the journal before the first byte goes out that leads to it.
 *
 * Mirror: restore/handover.c
 */
#include "migrate/handover.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "migrate/settle.h"
#include "migrate/source-session.h"
#include "migrate/speaker.h"
#include "process/child.h"
#include "process/stop.h"

enum {
	ANSWER_MS = 60000, /* to what we offer */
	READY_MS = 300000,
	RUNNING_MS = 60000,
};

static void stage_enter(struct source_session *m, enum move_stage stage)
{
	m->status->began_ns[stage] = now_ns();
	m->status->stage = stage;
}

/* --- before anything is done ------------------------------------------------ */

static int open_line(struct source_session *m)
{
	int rc = speaker_start(&m->speaker, &m->line, &m->move->peer, m->status->journal.connection);

	m->status->helpers[0] = m->line.helper;
	return rc;
}

static int journal_note(struct source_session *m, enum journal_stage stage)
{
	m->status->journal.stage = stage;
	return journal_write(&m->status->journal);
}

/* The other host has the last word, as its disks may be of another kind; one of an older pvferry does not know of early. */
static int settle_order(struct source_session *m, const struct json_object *answer)
{
	struct device_order *order = &m->status->devices;
	const char *reason = body_text(answer, "reason");

	if (!order->is_early)
		return 0;
	order->is_early = body_flag(answer, "early-devices");
	m->status->live.devices_are_due = order->is_early;
	if (order->is_early)
		return 0;
	snprintf(order->reason, sizeof(order->reason), "%.200s",
		 reason && *reason ? reason : "the other host's pvferry makes them late only");
	if (m->move->devices == DEVICES_EARLY)
		return fail(EOPNOTSUPP, "--devices early does not go: %s; --devices late does",
			    order->reason);
	return 0;
}

/* The journal comes first: by it the destination knows a guest that moves within this host. */
static int make_offer(struct source_session *m)
{
	struct json_object *answer;
	int rc = journal_note(m, JOURNAL_STREAMING);

	if (!rc)
		rc = message_send_json(&m->line, MESSAGE_OFFER, offer_to_json(&m->move->offer));
	if (!rc)
		rc = message_send(&m->line, MESSAGE_POLICY, m->policy.at, m->policy.count);
	if (rc)
		return rc;
	answer = message_expect(&m->line, MESSAGE_ACCEPT, ANSWER_MS);
	if (!answer)
		return -ECONNABORTED;
	rc = settle_order(m, answer);
	json_object_put(answer);
	return rc;
}

static int source_session_begin(struct source_session *m)
{
	int rc;

	stage_enter(m, MOVE_STREAMING);
	if (*m->status->devices.reason)
		say(SAY_DETAIL, "the other host makes the devices %s: %s",
		    m->status->devices.is_early ? "early" : "late", m->status->devices.reason);
	rc = m->move->options.config ? toolstack_start(&m->toolstack) : 0;
	if (rc)
		return rc;
	rc = lanes_open(&m->lanes, m->move->offer.lanes, &m->move->peer, m->move->offer.job,
			m->status->helpers);
	if (rc)
		return rc;
	return sender_start(&m->sender, &(struct sending){ .id = m->move->domain,
							   .options = &m->move->options,
							   .journal = &m->status->journal,
							   .sent = &m->status->sent });
}

/* --- the image ---------------------------------------------------------------- */

/* The sender watches the time, but may die; from here on we do it as well. */
static void limit_suspension(const struct source_session *m)
{
	unsigned int seconds = m->move->options.max_suspended_seconds;
	uint64_t took_ms = (now_ns() - m->status->sent.figures.stopped_at_ns) / 1000000;

	stop_when_late(seconds, took_ms < seconds * 1000ULL ? seconds * 1000ULL - took_ms : 0);
}

/* The other side has to build it now; what can be done meanwhile does not keep the guest waiting. */
static int send_image(struct source_session *m)
{
	int rc = source_session_send(m);

	if (!rc)
		rc = sender_finish(m->sender);
	if (rc)
		return rc;
	limit_suspension(m);
	/* With END the other host may have its disks. */
	if (m->toolstack.is_started)
		rc = toolstack_quiet(&m->toolstack, m->move->domain);
	if (rc)
		return rc;
	m->end.hash = XXH64_digest(m->hash);
	rc = message_send(&m->line, MESSAGE_END, &m->end, sizeof(m->end));
	stage_enter(m, MOVE_SENT);
	if (!rc)
		rc = journal_note(m, JOURNAL_SUSPENDED);
	return rc ? rc : source_mark_away(&m->status->journal);
}

/* --- the handover --------------------------------------------------------------- */

static int wait_ready(struct source_session *m)
{
	struct json_object *ready = message_expect(&m->line, MESSAGE_READY, READY_MS);

	if (!ready)
		return -EIO;
	m->status->remote_domid = body_number(ready, "domid", 0);
	m->status->build_ms = body_number(ready, "build-ms", 0);
	json_object_put(ready);
	stage_enter(m, MOVE_READY);
	return 0;
}

/* The guest becomes ours; then it may become theirs. */
static int send_go(struct source_session *m)
{
	int rc = sender_release(m->sender);

	if (!rc)
		rc = journal_note(m, JOURNAL_GO);
	if (!rc)
		rc = source_session_hear(m);
	if (!rc)
		rc = stop_requested();
	if (rc)
		return rc;
	stop_ignore();
	stage_enter(m, MOVE_GO);
	return message_send(&m->line, MESSAGE_GO, NULL, 0);
}

/* 0 it runs there; -ECANCELED, with a reason: it never will; else it is not known. */
static int wait_running(struct source_session *m)
{
	struct message message = { 0 };
	struct json_object *body;
	const char *state;
	int rc;

	rc = message_wait_past(&m->line, &message, MESSAGE_RUNNING, RUNNING_MS);
	if (rc)
		return rc;
	body = message_body(&m->line, &message);
	if (!body)
		return -EPROTO;
	state = body_text(body, "state");
	if (message.type == MESSAGE_RUNNING)
		m->status->unpause_ms = body_number(body, "unpause-ms", 0);
	else if (message.type == MESSAGE_FAILED) {
		rc = message_reason(&m->line, &message);
		rc = state && !strcmp(state, "destroyed") ? -ECANCELED : rc;
	} else
		rc = fail(EPROTO, "%s sends %s instead of RUNNING", m->line.peer, message_name(message.type));
	json_object_put(body);
	return rc;
}

static int hand_over(struct source_session *m)
{
	int rc = wait_ready(m);

	if (!rc)
		rc = send_go(m);
	if (!rc)
		rc = wait_running(m);
	if (rc)
		return rc;
	stage_enter(m, MOVE_RUNNING);
	sender_close(m->sender);
	m->sender = NULL;
	if (source_remove(&m->status->journal))
		return 0; /* the supervisor tries again */
	stage_enter(m, MOVE_DONE);
	if (journal_note(m, JOURNAL_DONE))
		say(SAY_WARNING, "the domain has moved, but the journal does not say so: %s", fail_reason());
	return 0;
}

/* --- the end ---------------------------------------------------------------------- */

static void tell_failure(struct source_session *m)
{
	struct json_object *body = json_object_new_object();

	body_put_text(body, "reason", fail_reason());
	message_send_last(&m->line, MESSAGE_FAILED, body);
}

/* Resumed, if it has not ended. Not if it may suspend yet: that is the supervisor's. */
static int source_session_resume(struct source_session *m)
{
	struct sent *sent = &m->status->sent;
	int rc = sent->is_asked && !sent->is_suspended ? -EINPROGRESS : source_keep(&m->status->journal);

	if (!rc)
		m->status->resumed_ns = now_ns();
	sent->has_ended |= rc == -ESRCH || rc == -ESHUTDOWN;
	if (!rc || sent->has_ended)
		sent->is_suspended = sent->is_asked = false;
	return rc;
}

static void note_kept(struct source_session *m)
{
	struct journal *journal = &m->status->journal;

	snprintf(journal->reason, sizeof(journal->reason), "%.500s", fail_reason());
	journal_note(m, m->status->sent.has_ended ? JOURNAL_ENDED : JOURNAL_KEPT);
}

/* It runs here: it goes on first of all, then the other side is told why. */
static void keep_guest(struct source_session *m, int error)
{
	bool is_begun = m->status->stage >= MOVE_STREAMING;
	int rc;

	stop_ignore();
	if (m->sender)
		sender_abort(m->sender);
	rc = is_begun ? source_session_resume(m) : 0;
	if (error == -ECONNRESET)
		message_prefer_reason(&m->line);
	if (is_begun && (!rc || m->status->sent.has_ended))
		note_kept(m);
	if (m->line.inbox && m->line.out >= 0 && error != -ECONNABORTED)
		tell_failure(m);
}

static const struct step {
	const char *name;
	int (*run)(struct source_session *m);
} steps[] = {
	{ "look at the guest", source_session_fetch_offer },
	{ "connect", open_line },
	{ "offer", make_offer },
	{ "begin", source_session_begin },
	{ "send the image", send_image },
	{ "hand over", hand_over },
};

static int run_steps(struct source_session *m)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(steps) / sizeof(*steps); i++) {
		uint64_t start = now_ns();

		rc = stop_requested();
		if (!rc)
			rc = steps[i].run(m);
		say(SAY_DETAIL, "%s: %.1f ms%s", steps[i].name, (now_ns() - start) / 1e6,
		    rc ? ", failed" : "");
	}
	return rc;
}

int move_guest(struct move *move)
{
	struct source_session m = { .move = move, .status = move->status };
	enum move_stage stage;
	int rc;

	m.piece = malloc(sizeof(struct message_header) + PIECE_BYTES);
	m.hash = XXH64_createState();
	if (m.piece && m.hash) {
		XXH64_reset(m.hash, 0);
		rc = run_steps(&m);
	} else {
		rc = fail(ENOMEM, "out of memory");
	}
	if (rc)
		rc = front_reason(&m.speaker, &m.line, rc);
	stage = m.status->stage;
	if (stage == MOVE_CONNECTING)
		rc = connect_explain(&m.line, &move->peer, rc);
	if (rc && (stage < MOVE_GO || (stage == MOVE_GO && rc == -ECANCELED)))
		keep_guest(&m, rc);
	sender_close(m.sender);
	toolstack_close(&m.toolstack);
	lanes_close(&m.lanes);
	line_close(&m.line);
	front_end(m.speaker);
	m.status->helpers[0] = 0;
	bytes_release(&m.policy);
	XXH64_freeState(m.hash);
	free(m.piece);
	return rc;
}
