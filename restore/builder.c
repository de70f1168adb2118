/* See builder.h. */
#include "restore/builder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"
#include "machine/registry.h"
#include "process/budget.h"
#include "process/child.h"
#include "restore/expander.h"

struct task {
	struct built *built; /* shared with the child */
	struct channel *from;
	struct expander expander; /* reads from it */
	const struct restore_options *options;
	struct host *host;
	struct restoration restoration;
};

static void note_created(uint32_t id, void *context)
{
	struct built *built = context;

	built->domain = id;
	built->is_there = built->is_created = true;
}

/*
 * What is held here goes with the process: to free it piece by piece takes a
 * PV domain 0 longer than to end, and somebody waits for the guest.
 */
static int build(void *context)
{
	struct task *task = context;
	struct restoration *r = &task->restoration;
	struct reader *reader;
	int rc = budget_begin(task->options->threads);

	if (!rc)
		rc = host_open(&task->host); /* while the expander starts */
	if (!rc)
		rc = reader_attach(&reader, &task->expander.ours, task->from);
	if (rc)
		return rc;
	*r = (struct restoration){ .on_created = note_created, .context = task->built };
	rc = restore_domain(r, task->host, reader, task->options);
	if (rc) {
		task->built->is_there = r->is_left;
		return rc;
	}
	task->built->pfns = r->incoming.count;
	task->built->frames = r->frames;
	task->built->store = r->connections.store;
	task->built->console = r->connections.console;
	if (r->config.root)
		snprintf(task->built->name, sizeof(task->built->name), "%s", config_name(&r->config));
	return 0;
}

void builder_clean_up(struct built *built)
{
	struct domain *domain = NULL;
	struct host *host;

	if (!built->is_there || host_open(&host))
		return;
	built->is_there = !domain_open(&domain, host, built->domain) && domain_demolish(domain);
	if (built->is_there)
		say(SAY_WARNING, "domain %u could not be removed", built->domain);
	domain_close(domain);
	host_close(host);
}

/* The expander reads, the child builds; of the channel, the child reads at most pages that are left in a file. */
static int start_both(struct task *task, struct child **child)
{
	int rc;

	task->from->leave_pages = !task->from->can_wait;
	rc = expander_start(&task->expander, task->from, task->options->threads);
	if (rc)
		return rc;
	rc = child_start(child, build, task);
	if (rc)
		return expander_finish(&task->expander, rc);
	expander_leave(&task->expander);
	return 0;
}

static int wait_for_both(struct task *task, struct child *child)
{
	return expander_finish(&task->expander, child_wait(child));
}

int build_domain(struct built *result, struct channel *from, const struct restore_options *options)
{
	struct task task = { .built = child_share(sizeof(*task.built)), .from = from, .options = options };
	struct child *child;
	int rc;

	if (!task.built)
		return -ENOMEM;
	rc = start_both(&task, &child);
	if (!rc)
		rc = wait_for_both(&task, child);
	if (rc == -ECHILD) {
		builder_clean_up(task.built);
		journal_sweep();
	}
	*result = *task.built;
	child_unshare(task.built, sizeof(*task.built));
	return rc;
}

/* --- in steps -------------------------------------------------------------- */

struct builder {
	struct task task;
	struct channel channel; /* the child's end of the feed */
	struct child *job;
	int feed, child_feed;
};

static int open_feed(struct builder *b)
{
	enum { FEED_BYTES = 4 << 20 };
	int feed[2], size = FEED_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, feed))
		return fail_errno("cannot make a socket");
	b->feed = feed[0];
	b->child_feed = feed[1];
	if (setsockopt(b->feed, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(b->feed, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fcntl(b->feed, F_SETFL, O_NONBLOCK);
	child_private(b->feed);
	return 0;
}

static void close_feed(struct builder *b)
{
	child_unprivate(b->feed);
	close(b->feed);
}

int builder_start(struct builder **result, struct built *built, const struct restore_options *options)
{
	struct builder *b = malloc(sizeof(*b));
	int rc;

	if (!b)
		return fail(ENOMEM, "out of memory");
	*b = (struct builder){ .task = { .built = built, .from = &b->channel, .options = options } };
	rc = open_feed(b);
	if (!rc) {
		rc = channel_init(&b->channel, b->child_feed, "the connection");
		if (!rc)
			rc = start_both(&b->task, &b->job);
		close(b->child_feed);
		if (rc)
			close_feed(b);
	}
	if (rc)
		free(b);
	else
		*result = b;
	return rc;
}

int builder_feed(const struct builder *b)
{
	return b->feed;
}

int builder_watch(const struct builder *b)
{
	return child_watch(b->job);
}

int builder_finish(struct builder *b)
{
	struct built *built = b->task.built;
	int rc = wait_for_both(&b->task, b->job);

	close_feed(b);
	free(b);
	if (rc)
		builder_clean_up(built);
	return rc;
}

void builder_abort(struct builder *b)
{
	struct built *built = b->task.built;

	kill(child_pid(b->job), SIGTERM);
	builder_finish(b);
	builder_clean_up(built);
}
