/*
 * See sender.h. The sender's process: all that touches the guest while it is saved, and its parent's part of that. In:
 * struct sending. Out: the stream, and struct sent, in memory that both share. The trap: either may die at any moment,
 * and the guest must not stay suspended: the child resumes it when its leash breaks, the parent when the child died.
 */
#include "migrate/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/child.h"
#include "log.h"
#include "machine/config.h"
#include "stream/index-draft.h"

struct task {
	struct sending sending;
	int feed, leash; /* the child's ends; -1: none */
};

static void stay_on_leash(struct task *task);

/* On the disk before the guest is asked. A save does not fail for want of it: the processes themselves resume the guest. */
static int note_asking(const struct migration *m)
{
	const struct task *task = m->context;
	struct journal *journal = task->sending.journal;
	int rc;

	if (!journal)
		return 0;
	journal->domid = m->facts.id;
	uuid_format(m->facts.uuid, journal->uuid);
	journal->stage = JOURNAL_SUSPENDING;
	rc = journal_write(journal);
	if (!rc || !journal_is_of_save(journal))
		return rc;
	say(SAY_WARNING, "%s: should all processes of this save be killed, the domain stays suspended",
	    fail_reason());
	fail_forget();
	return 0;
}

/* One that is found running after this was resumed by another, and is not asked any more. */
static void note_suspended(struct journal *journal)
{
	if (!journal || journal->stage != JOURNAL_SUSPENDING)
		return;
	journal->stage = JOURNAL_SUSPENDED;
	if (journal_write(journal))
		fail_forget();
}

/* The guest runs, and the journal no longer says that it may be stopped. */
static void note_running(const struct sending *sending)
{
	struct journal *journal = sending->journal;

	if (sending->sent->is_asked || !journal || journal->stage == JOURNAL_STREAMING)
		return;
	journal->stage = JOURNAL_STREAMING;
	if (journal_is_of_save(journal))
		journal_remove(journal->job, JOURNAL_SOURCE);
	else
		journal_write(journal);
}

static void sent_note(const struct migration *m)
{
	const struct task *task = m->context;
	struct sent *sent = task->sending.sent;

	sent->is_asked = m->is_asked;
	sent->was_asked |= m->is_asked;
	sent->is_suspended = m->is_suspended;
	sent->has_ended = m->has_ended;
	sent->figures = m->figures;
	if (m->is_suspended)
		note_suspended(task->sending.journal);
	else if (m->figures.resumed_at_ns)
		note_running(&task->sending);
}

static void note_sent(const struct migration *m)
{
	struct task *task = m->context;
	struct sent *sent = task->sending.sent;

	sent_note(m);
	sent->p2m = m->p2m.form;
	sent->has_no_config = m->config.is_made;
	if (m->options.index)
		sent->index = m->options.index->head;
	if (m->config.root)
		snprintf(sent->name, sizeof(sent->name), "%s", config_name(&m->config));
	if (task->leash >= 0)
		stay_on_leash(task);
}

static int send_stages(struct task *task, struct domain *domain)
{
	struct migration m = { .asking = note_asking, .note = sent_note, .sent = note_sent, .context = task };
	int rc = migration_send(&m, domain, task->sending.to, task->sending.options);

	if (rc)
		sent_note(&m);
	migration_release(&m);
	return rc;
}

static int send_task(void *context)
{
	struct task *task = context;
	struct domain *domain;
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = domain_open(&domain, host, task->sending.id);
	if (!rc)
		rc = send_stages(task, domain);
	domain_close(domain);
	host_close(host);
	return rc;
}

static void release_guest(const struct sending *sending)
{
	sender_let_go_on(sending->id, sending->sent);
	note_running(sending);
}

/* A child that died may have left Xen writing down what the guest writes to. To end what is not there does no harm. */
static void end_log(uint32_t id, const struct migrate_options *options)
{
	struct domain *domain = NULL;
	struct host *host;

	if (!options->live || host_open(&host))
		return;
	if (!domain_open(&domain, host, id))
		domain_log_stop(domain);
	domain_close(domain);
	host_close(host);
}

int send_domain(struct sent *result, uint32_t id, struct channel *to, const struct migrate_options *options)
{
	struct task task = { { id, to, options, NULL, child_share(sizeof(*result)) }, -1, -1 };
	int rc;

	if (!task.sending.sent)
		return -ENOMEM;
	rc = child_run(send_task, &task);
	if (rc == -ECHILD)
		end_log(id, options);
	*result = *task.sending.sent;
	child_unshare(task.sending.sent, sizeof(*result));
	return rc;
}

/* --- on a leash ---------------------------------------------------------- */

struct sender {
	struct task task;
	struct channel channel; /* the child's end of the feed, where that carries the guest */
	struct child *job;	/* NULL: waited for */
	int feed, leash;	/* ours; -1: closed */
};

/* One byte: the guest is the parent's alone. The end: the parent is dead, and the guest is ours. */
static bool wait_for_word(int leash)
{
	char word;
	ssize_t got;

	do
		got = read(leash, &word, 1);
	while (got < 0 && errno == EINTR);
	return got == 1;
}

/*
 * Everything is sent, and the guest stands suspended. What becomes of it is decided by the parent, which says so by a
 * byte; a closed leash says that there is no parent any more.
 */
static void stay_on_leash(struct task *task)
{
	task->sending.sent->is_complete = true;
	shutdown(task->feed, SHUT_RDWR);
	if (!wait_for_word(task->leash))
		release_guest(&task->sending);
}

/* After a failure the parent may be dead, or die just now: the guest does not wait for it. */
static int send_on_leash(void *context)
{
	struct sender *s = context;
	struct sending *sending = &s->task.sending;
	int rc = 0;

	if (!sending->to) {
		sending->to = &s->channel;
		rc = channel_init(&s->channel, s->task.feed, "the connection");
	}
	if (!rc)
		rc = send_task(&s->task);
	if (rc)
		release_guest(sending);
	return rc;
}

static void close_end(int *fd)
{
	if (*fd < 0)
		return;
	child_unprivate(*fd);
	close(*fd);
	*fd = -1;
}

static int open_ends(struct sender *s)
{
	enum { FEED_BYTES = 1 << 20 };
	int feed[2], leash[2], size = FEED_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, feed))
		return fail_errno("cannot make a socket");
	s->feed = feed[0];
	s->task.feed = feed[1];
	/*
	 * Four pieces of the stream: the sender need not wait for each that the parent passes on. The plain option is
	 * bounded by net.core.wmem_max.
	 */
	if (setsockopt(s->task.feed, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(s->task.feed, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (pipe2(leash, O_CLOEXEC))
		return fail_errno("cannot make a pipe");
	s->task.leash = leash[0];
	s->leash = leash[1];
	child_private(s->feed);
	child_private(s->leash);
	return 0;
}

int sender_start(struct sender **result, const struct sending *sending)
{
	struct sender *s = malloc(sizeof(*s));
	int rc;

	if (!s)
		return fail(ENOMEM, "out of memory");
	*s = (struct sender){ .task = { *sending, -1, -1 }, .feed = -1, .leash = -1 };
	rc = open_ends(s);
	if (!rc)
		rc = child_start(&s->job, send_on_leash, s);
	close_end(&s->task.feed);
	close_end(&s->task.leash);
	*result = s;
	if (rc) {
		sender_close(s);
		*result = NULL;
	}
	return rc;
}

int sender_feed(const struct sender *s)
{
	return s->feed;
}

void sender_wait(const struct sender *s)
{
	char nothing;

	while (read(s->feed, &nothing, 1) < 0 && errno == EINTR)
		;
}

/* Waits for the child's end and keeps its reason. What a child that died has left undone is done here. */
static int reap(struct sender *s)
{
	int rc = s->job ? child_wait(s->job) : 0;

	s->job = NULL;
	if (rc == -ECHILD)
		end_log(s->task.sending.id, s->task.sending.options);
	return rc;
}

/* One that did not die has tried itself, and waited for a guest that is slow: not twice. */
static void release_dead(struct sender *s, int rc)
{
	const struct sent *sent = s->task.sending.sent;

	if (rc == -ECHILD || sent->is_suspended)
		release_guest(&s->task.sending);
}

int sender_finish(struct sender *s)
{
	int rc;

	if (s->task.sending.sent->is_complete)
		return 0;
	rc = reap(s);
	release_dead(s, rc);
	return rc ? rc : fail(ECHILD, "the process that sends the guest gave up");
}

int sender_release(struct sender *s)
{
	if (write(s->leash, "", 1) != 1)
		return fail_errno("the process that keeps the guest is gone");
	return 0;
}

void sender_abort(struct sender *s)
{
	close_end(&s->feed);
	close_end(&s->leash);
	if (s->job)
		kill(child_pid(s->job), SIGTERM);
	release_dead(s, reap(s));
}

void sender_close(struct sender *s)
{
	if (!s)
		return;
	close_end(&s->feed);
	close_end(&s->leash);
	reap(s);
	free(s);
}
