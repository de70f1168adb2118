/*
 * The process above the destination session, see handover.h. What it does after the destination session's death follows
 * from the table in handover.c and from what the journal says. Mirror: migrate/supervisor.c. The trap: a destination
 * session that died may have left a toolstack at work on the domain; only when that has released the job's lock may the
 * domain be touched.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "process/child.h"
#include "process/stop.h"
#include "restore/handover.h"
#include "restore/settle.h"

static int run_destination_session(void *context)
{
	return take_guest(context);
}

int take_start(struct take *take)
{
	int rc;

	take->status->lock = -1;
	if (take->is_stream)
		connection_of_ssh(take->connection);
	else
		connection_of_socket(take->in, false, take->connection);
	child_reap_orphans();
	rc = child_start(&take->session, run_destination_session, take);
	/* Only the destination session has the connection: when it dies, the other host sees that. */
	close(take->in);
	if (take->out != take->in)
		close(take->out);
	return rc;
}

int take_watch(const struct take *take)
{
	return child_watch(take->session);
}

/* A toolstack that has lost its destination session holds the lock until it has removed what it had made. */
static int lock_job(const char *job, int *lock)
{
	enum { NAP_MS = 20, LONGEST_MS = 120000 }; /* a script has 40 s, and each device 10 */
	const struct timespec nap = { 0, NAP_MS * 1000000 };
	int rc;

	for (int ms = 0;; ms += NAP_MS) {
		rc = journal_lock(job, JOURNAL_DESTINATION, lock);
		if (rc != -EBUSY || ms >= LONGEST_MS)
			return rc;
		fail_forget();
		nanosleep(&nap, NULL);
	}
}

/* The destination session died in the middle of something; what it wrote last counts, for the other host may know it. */
static int put_right(struct take_status *status)
{
	struct journal *journal = &status->journal;
	int lock, rc;

	if (!*journal->job)
		return -ECHILD;
	rc = lock_job(journal->job, &lock);
	if (rc)
		return rc;
	rc = journal_read(journal, journal->job, JOURNAL_DESTINATION);
	if (!rc) {
		journal->domid = status->built->domain;
		rc = destination_recover(journal);
	}
	if (!rc && status->stage < TAKE_READY) /* the other host will never have to ask */
		journal_remove(journal->job, JOURNAL_DESTINATION);
	journal_unlock(journal->job, JOURNAL_DESTINATION, lock);
	journal_sweep();
	if (rc)
		return rc;
	status->built->is_there = journal->stage == JOURNAL_RUNNING;
	status->stage = status->built->is_there ? TAKE_RUNNING : TAKE_REMOVED;
	return status->built->is_there ? 0 : -ECHILD;
}

int take_finish(struct take *take)
{
	int rc = take->session ? child_wait(take->session) : -ECHILD;

	stop_ignore();
	child_wait_strays();
	journal_prune();
	return rc == -ECHILD && take->status->stage < TAKE_RUNNING ? put_right(take->status) : rc;
}
