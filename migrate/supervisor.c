/*
 * The process above the source session, see handover.h. What it does after the source session's
 * death follows from the table in handover.c and from how far the source session came.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "migrate/handover.h"
#include "migrate/settle.h"
#include "process/child.h"
#include "process/stop.h"

static int run_source_session(void *context)
{
	return move_guest(context);
}

static void fill_journal(const struct move *move)
{
	struct journal *journal = &move->status->journal;
	const struct peer *peer = &move->peer;

	*journal = (struct journal){ .role = JOURNAL_SOURCE, .domid = move->domain, .port = peer->port };
	snprintf(journal->job, sizeof(journal->job), "%s", move->offer.job);
	snprintf(journal->peer, sizeof(journal->peer), "%s", peer->host);
	snprintf(journal->via, sizeof(journal->via), "%s", via_name(peer->via));
	snprintf(journal->ssh, sizeof(journal->ssh), "%s", peer->ssh);
	snprintf(journal->pki, sizeof(journal->pki), "%s", peer->pki);
}

int move_start(struct move *move)
{
	int rc;

	move->session = NULL;
	move->lock = move->domain_lock = -1;
	fill_journal(move);
	rc = journal_lock_domain(move->domain, &move->domain_lock);
	if (!rc)
		rc = journal_lock(move->offer.job, JOURNAL_SOURCE, &move->lock);
	if (rc)
		return rc;
	child_reap_orphans();
	return child_start(&move->session, run_source_session, move);
}

int move_watch(const struct move *move)
{
	return child_watch(move->session);
}

static void note_end(struct move_status *status, enum journal_stage stage)
{
	struct journal *journal = &status->journal;

	status->sent.is_suspended = status->sent.is_asked = false;
	status->sent.has_ended = stage == JOURNAL_ENDED;
	journal->stage = stage;
	snprintf(journal->reason, sizeof(journal->reason), "%.500s", fail_reason());
	journal_write(journal);
}

/* The source session died in the middle of something, or the guest may suspend yet. */
static void keep_guest(struct move *move, int session_rc)
{
	struct move_status *status = move->status;
	struct source_locks locks = { move->lock, move->domain_lock };
	bool is_on_its_way = status->sent.is_asked && !status->sent.is_suspended && session_rc != -ECHILD;
	int rc = is_on_its_way ? -EINPROGRESS : source_keep(&status->journal);

	if (!rc || rc == -ESRCH || rc == -ESHUTDOWN)
		note_end(status, rc ? JOURNAL_ENDED : JOURNAL_KEPT);
	if (rc != -EINPROGRESS || source_stay(&status->journal, &locks, &status->waiter))
		return;
	move->lock = locks.job;
	move->domain_lock = locks.domain;
}

static enum moved finish_move(struct move_status *status)
{
	int rc = source_remove(&status->journal);

	if (rc) {
		say(SAY_WARNING, "the domain runs there, but its copy here could not be removed");
		return UNSETTLED;
	}
	status->journal.stage = JOURNAL_DONE;
	journal_write(&status->journal);
	status->began_ns[MOVE_DONE] = now_ns();
	status->stage = MOVE_DONE;
	return MOVED;
}

/* No process is left but this one, and none that could change what it sees. */
static enum moved move_settle(struct move *move, int rc)
{
	struct move_status *status = move->status;

	if (status->stage < MOVE_STREAMING) { /* it was not accepted: there is nothing to be asked about */
		journal_remove(move->offer.job, JOURNAL_SOURCE);
		return NOT_MOVED;
	}
	if (status->stage >= MOVE_RUNNING)
		return status->journal.stage == JOURNAL_DONE ? MOVED : finish_move(status);
	if (journal_is_settled(&status->journal))
		return NOT_MOVED;
	if (status->stage == MOVE_GO) {
		snprintf(status->journal.reason, sizeof(status->journal.reason), "%.500s", fail_reason());
		journal_write(&status->journal);
		return UNSETTLED;
	}
	if (rc == -ECHILD || status->sent.is_asked)
		keep_guest(move, rc);
	return NOT_MOVED;
}

enum moved move_finish(struct move *move)
{
	int rc = move->session ? child_wait(move->session) : -ECHILD;
	enum moved moved;

	stop_ignore();
	for (unsigned int i = 0; rc == -ECHILD && i < OFFER_LANES_MOST; i++)
		if (move->status->helpers[i] > 0)
			kill(move->status->helpers[i], SIGKILL);
	child_wait_strays();
	moved = move_settle(move, rc);
	journal_prune();
	journal_unlock(move->offer.job, JOURNAL_SOURCE, move->lock);
	journal_unlock_domain(move->domain, move->domain_lock);
	return moved;
}
