/* See saving.h. The order that matters: the image is safe under its name, and only then the domain may go. */
#include "cli/saving.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/ended.h"
#include "cli/progress.h"
#include "log.h"
#include "machine/toolstack.h"
#include "migrate/settle.h"
#include "process/child.h"

/* Where it took the request to suspend and has not suspended yet, another process stays for it. */
static int say_failed(struct saving *s)
{
	const struct sent *sent = &s->shared->sent;
	struct source_locks locks = { -1, s->lock };
	char text[OUTCOME_BYTES];
	pid_t waiter = 0;

	if (sent->is_asked && !sent->is_suspended && !source_stay(&s->shared->journal, &locks, &waiter))
		s->lock = locks.domain;
	return say_failure(s->command, s->whom, sent_outcome(sent, waiter, text));
}

/*
 * The guest is what it is to be: the sender and the journal have nothing to put right any more. One that is to run on
 * does so already, unless Xen refused to resume it.
 */
static int settle_guest(struct saving *s, enum fate fate)
{
	int rc = s->shared->sent.is_suspended ? fate_settle(s->id, fate) : 0;

	/* It was not to run beside its image: if it cannot be destroyed or paused it stays suspended, for the user to decide. */
	if (rc && fate == RUN_ON)
		return rc;
	s->shared->sent.is_suspended = s->shared->sent.is_asked = false;
	sender_release(s->sender);
	journal_remove(s->shared->journal.job, JOURNAL_SOURCE);
	return rc;
}

/* The image is complete, but not yet safe under its name. */
static int publish(struct saving *s)
{
	if (publication_commit(&s->file)) {
		settle_guest(s, RUN_ON);
		return say_failed(s);
	}
	s->is_published = true;
	if (!settle_guest(s, s->fate))
		return EXIT_DONE;
	return say_failure(s->command, s->whom,
			   s->fate != RUN_ON ? "the image is complete, and the domain stays suspended"
					     : "the image is complete");
}

static int send_guest(struct saving *s, struct channel *channel)
{
	struct sending sending = { .id = s->id,
				   .to = channel,
				   .options = s->options,
				   .journal = &s->shared->journal,
				   .sent = &s->shared->sent };
	int rc = channel_init(channel, s->file.fd, s->file.path);

	if (!rc)
		rc = sender_start(&s->sender, &sending);
	if (rc)
		return rc;
	sender_wait(s->sender);
	return sender_finish(s->sender);
}

int saving_run(struct saving *s)
{
	struct channel channel;
	int rc;

	progress_start("saving");
	rc = send_guest(s, &channel);
	channel_release(&channel);
	progress_end();
	rc = rc ? say_failed(s) : publish(s);
	sender_close(s->sender);
	s->sender = NULL;
	watch_sent(s->id, &s->shared->sent);
	return rc;
}

int saving_prepare(struct saving *s, const char *name_or_id)
{
	struct movable wish = { .carries_devices = true,
				.without_devices = s->without_devices,
				.force = s->force };
	struct journal *journal;
	int rc;

	s->began_ns = now_ns();
	s->file = (struct publication){ .fd = -1, .place.directory = -1 };
	s->lock = -1;
	s->shared = child_share(sizeof(*s->shared));
	if (!s->shared)
		return -ENOMEM;
	journal = &s->shared->journal;
	journal->role = JOURNAL_SOURCE;
	rc = job_name(journal->job);
	if (!rc)
		rc = find_movable(name_or_id, &wish, &s->id, journal->domain);
	if (!rc)
		rc = journal_lock_domain(s->id, &s->lock);
	if (!rc && wish.has_devices)
		rc = toolstack_config(s->id, &s->config);
	s->options->config = s->config;
	return rc;
}

void saving_close(struct saving *s, int status)
{
	ended_save(s->shared ? &s->shared->sent : NULL, status, s->began_ns);
	publication_abandon(&s->file);
	journal_unlock_domain(s->id, s->lock);
	child_unshare(s->shared, sizeof(*s->shared));
	free(s->config);
	s->shared = NULL;
	s->config = NULL;
}
