/* See sender.h. */
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

struct task {
	struct sent *sent; /* shared with the child */
	uint32_t id;
	struct channel *to;
	const struct migrate_options *options;
	int feed, leash; /* -1, or the ends of a child on a leash */
};

static void stay_on_leash(struct task *task);

static void note(const struct migration *m)
{
	const struct task *task = m->context;
	struct sent *sent = task->sent;

	sent->is_asked = m->is_asked;
	sent->was_asked |= m->is_asked;
	sent->is_suspended = m->is_suspended;
	sent->figures = m->figures;
}

static void note_sent(const struct migration *m)
{
	struct task *task = m->context;

	note(m);
	task->sent->p2m = m->p2m.form;
	task->sent->has_no_config = m->config.is_made;
	if (m->config.root)
		snprintf(task->sent->name, sizeof(task->sent->name), "%s", config_name(&m->config));
	if (task->leash >= 0)
		stay_on_leash(task);
}

static int send_stages(struct task *task, struct domain *domain)
{
	struct migration m = { .note = note, .sent = note_sent, .context = task };
	int rc = migration_send(&m, domain, task->to, task->options);

	if (rc)
		note(&m);
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
	rc = domain_open(&domain, host, task->id);
	if (!rc)
		rc = send_stages(task, domain);
	domain_close(domain);
	host_close(host);
	return rc;
}

void sender_let_go_on(uint32_t id, struct sent *sent)
{
	struct domain *domain = NULL;
	struct host *host;

	if (!sent->is_asked || host_open(&host))
		return;
	if (!domain_open(&domain, host, id) &&
	    !(sent->is_suspended ? domain_resume(domain) : domain_withdraw(domain)))
		sent->is_suspended = sent->is_asked = false;
	domain_close(domain);
	host_close(host);
}

/* A child that died may have left Xen writing down what the guest writes to. To end what is not there harms nobody. */
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
	struct task task = { child_share(sizeof(*task.sent)), id, to, options, -1, -1 };
	int rc;

	if (!task.sent)
		return -ENOMEM;
	rc = child_run(send_task, &task);
	if (rc == -ECHILD)
		end_log(id, options);
	if (rc && !options->suspend)
		sender_let_go_on(id, task.sent);
	*result = *task.sent;
	child_unshare(task.sent, sizeof(*task.sent));
	return rc;
}

/* --- on a leash ---------------------------------------------------------- */

struct sender {
	struct task task;
	struct channel channel; /* the child's end of the feed */
	struct child *job;	/* NULL: waited for */
	int feed, leash;	/* ours; -1: closed */
};

/* One byte: the guest is somebody else's. The end: he is gone, and it is ours. */
static bool wait_for_word(int leash)
{
	char word;
	ssize_t got;

	do
		got = read(leash, &word, 1);
	while (got < 0 && errno == EINTR);
	return got == 1;
}

static void stay_on_leash(struct task *task)
{
	task->sent->is_complete = true;
	shutdown(task->feed, SHUT_RDWR);
	if (!wait_for_word(task->leash))
		sender_let_go_on(task->id, task->sent);
}

static int send_on_leash(void *context)
{
	struct sender *s = context;
	int rc = channel_init(&s->channel, s->task.feed, "the connection");

	return rc ? rc : send_task(&s->task);
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

int sender_start(struct sender **result, struct sent *sent, uint32_t id,
		 const struct migrate_options *options)
{
	struct sender *s = malloc(sizeof(*s));
	int rc;

	if (!s)
		return fail(ENOMEM, "out of memory");
	*s = (struct sender){ .task = { sent, id, &s->channel, options, -1, -1 }, .feed = -1, .leash = -1 };
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

/* Waits for the child's end and keeps its reason. */
static int reap(struct sender *s)
{
	int rc = s->job ? child_wait(s->job) : 0;

	s->job = NULL;
	return rc;
}

int sender_finish(struct sender *s)
{
	int rc;

	if (s->task.sent->is_complete)
		return 0;
	rc = reap(s);
	sender_let_go_on(s->task.id, s->task.sent);
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
	reap(s);
	sender_let_go_on(s->task.id, s->task.sent);
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
