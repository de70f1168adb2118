/*
 * See builder.h and builder-order.h. The parent's side of building: two processes are started, the expander that reads
 * hostile bytes and holds nothing, and the builder that holds Xen's privileges and reads nothing hostile. In: a channel
 * or a feed. Out: struct built, in memory that is shared. The trap: either may die; the one that died first has the
 * reason, and a domain that is left is removed here.
 */
#include "restore/builder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"
#include "machine/devices.h"
#include "process/child.h"
#include "process/stop.h"
#include "restore/builder-order.h"
#include "restore/expander.h"

struct builder {
	struct built *built;
	const struct restore_options *options;
	struct expander expander;
	struct child *process;
	int talk;	     /* -1: it has ended */
	struct bytes config; /* of the domain that it wants, as far as it has come */
	/* In steps: */
	struct channel channel; /* the other end of the feed, which the expander reads from */
	int feed;
};

struct built *built_open(void)
{
	int fd;
	struct built *built = child_share_file(sizeof(*built), &fd);

	if (built)
		built->fd = fd;
	return built;
}

void built_close(struct built *built)
{
	close(built->fd);
	child_unshare(built, sizeof(*built));
}

void builder_clean_up(struct built *built)
{
	struct domain *domain = NULL;
	struct host *host;

	if (!built->is_there || host_open(&host))
		return;
	built->is_there = !domain_open(&domain, host, built->domain) && domain_remove(domain);
	if (built->is_there)
		say(SAY_WARNING, "domain %u could not be removed", built->domain);
	domain_close(domain);
	host_close(host);
}

/* --- the beginning ------------------------------------------------------------- */

/* As builder-order.h numbers them; of the locks the builder knows only that they are behind the rest. */
static int start_program(struct builder *b, int talk, const struct channel *from)
{
	const struct restore_options *options = b->options;
	int fds[BUILDER_PAGES - PROGRAM_FDS + 1 + BUILDER_LOCKS_MOST] = { talk, b->expander.ours.socket,
									  b->expander.ours.slots,
									  b->built->fd };
	size_t count = BUILDER_STOP - PROGRAM_FDS;

	stop_share(fds + count);
	count += 2;
	if (from->leave_pages)
		fds[count++] = from->fd;
	for (unsigned int i = 0; i < options->lock_count && i < BUILDER_LOCKS_MOST; i++)
		fds[count++] = options->locks[i];
	return program_start(&b->process, "pvferry-builder", fds, count, SIGTERM);
}

static int start_builder(struct builder *b, const struct channel *from)
{
	struct builder_order order;
	int pair[2], rc = builder_order_init(&order, from, b->options);

	if (rc)
		return rc;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail_errno("cannot make a socket");
	/* It lies in the socket before there is a process that reads it. */
	rc = send(pair[0], &order, sizeof(order), MSG_NOSIGNAL) == sizeof(order)
		   ? start_program(b, pair[1], from)
		   : fail_errno("cannot reach the builder");
	close(pair[1]);
	if (rc) {
		close(pair[0]);
		return rc;
	}
	child_name(b->process, "the builder");
	/* From here on the builder alone has the other end: when it ends, for whatever reason, we read that. */
	b->talk = pair[0];
	child_private(b->talk);
	return 0;
}

/*
 * The expander reads, the builder builds; of the channel, the builder reads at most pages that are left in a file.
 * Those that are to be proven it gets from the expander: a page that went from the file into the guest has no second
 * copy.
 */
static int start_both(struct builder *b, struct channel *from)
{
	int rc;

	from->leave_pages = !from->can_wait && !b->options->prove;
	rc = expander_start(&b->expander, from, b->options->threads);
	if (rc)
		return rc;
	rc = start_builder(b, from);
	if (rc)
		return expander_finish(&b->expander, rc);
	expander_leave(&b->expander);
	return 0;
}

/* --- in the middle -------------------------------------------------------------- */

static void answer_static_end(const struct builder *b, uint32_t missing)
{
	const struct adoption *adopt = b->options->adopt;
	struct builder_answer answer = { .rc = adopt ? adopt->static_end(missing, adopt->context)
						     : fail(EPROTO, "the builder asks for a toolstack") };

	if (answer.rc)
		snprintf(answer.reason, sizeof(answer.reason), "%s", fail_reason());
	/* If the builder is gone, that is the reason; else it fails for the one it gets. */
	fail_forget();
	send(b->talk, &answer, sizeof(answer), MSG_NOSIGNAL);
}

static void builder_take(struct builder *b, const struct builder_message *message)
{
	if (message->kind == BUILDER_STATIC_END)
		answer_static_end(b, message->missing);
	else if (message->kind == BUILDER_CONFIG)
		bytes_put(&b->config, message->text, strnlen(message->text, sizeof(message->text)));
	else if (message->kind == BUILDER_MAKE)
		builder_answer_make(&b->config, b->options->maker, b->talk, message);
	else if (message->kind == BUILDER_ROOM)
		builder_answer_room(b->options->maker, b->talk, message);
	else if (message->kind == BUILDER_SAY && message->level <= SAY_DETAIL)
		say(message->level, "%.*s", (int)sizeof(message->text) - 1, message->text);
}

bool builder_listen(struct builder *b)
{
	struct builder_message message;
	ssize_t bytes;

	while (b->talk >= 0) {
		bytes = recv(b->talk, &message, sizeof(message), MSG_DONTWAIT);
		if (bytes == sizeof(message)) {
			builder_take(b, &message);
		} else if (bytes < 0 && errno == EAGAIN) {
			return true;
		} else if (bytes >= 0 || errno != EINTR) {
			/* Its end; or a packet of another length, which no builder of ours sends: then we only wait. */
			child_unprivate(b->talk);
			close(b->talk);
			b->talk = -1;
		}
	}
	return false;
}

static void show_progress(const struct builder *b)
{
	if (b->options->progress && b->built->pages)
		b->options->progress(b->built->pages, b->built->pages_wanted);
}

/* How far it is, is looked up in the memory: a builder that sent it for each record would wait for us. */
static void listen_to_the_end(struct builder *b)
{
	enum { PROGRESS_MS = 100 };
	const struct domain_maker *maker = b->options->maker;

	while (builder_listen(b)) {
		struct pollfd fds[] = { { .fd = b->talk, .events = POLLIN },
					{ .fd = maker ? maker->watch(maker->context) : -1,
					  .events = POLLIN } };

		poll(fds, 2, b->options->progress ? PROGRESS_MS : -1);
		if (maker && fds[1].revents && !maker->take(maker->context))
			kill(child_pid(b->process), SIGTERM);
		show_progress(b);
	}
}

/* --- the end ---------------------------------------------------------------------- */

/*
 * child_wait() knows how a process ended, or that it could not be started. Why an exec'ed one failed stands in
 * the memory, which counts only if the builder came to its last line: is_over is written after all the rest.
 */
static int wait_for_builder(struct builder *b)
{
	const struct built *built = b->built;
	int rc = child_wait(b->process);

	if (rc)
		return rc;
	if (!built->is_over)
		return fail(ECHILD, "the builder gave up");
	return built->rc ? fail(abs(built->rc % 4096), "%.*s", (int)sizeof(built->reason) - 1, built->reason)
			 : 0;
}

/* The expander ends when the builder has, and knows the reason if it died itself. */
static int wait_for_both(struct builder *b)
{
	listen_to_the_end(b);
	return expander_finish(&b->expander, wait_for_builder(b));
}

int build_domain(struct built *built, struct channel *from, const struct restore_options *options)
{
	struct builder b = { .built = built, .options = options, .feed = -1 };
	int rc = start_both(&b, from);

	if (!rc)
		rc = wait_for_both(&b);
	if (rc == -ECHILD) { /* dead: what it had begun is there still, its locks among it */
		builder_clean_up(built);
		journal_sweep();
	}
	return rc;
}

/* --- in steps -------------------------------------------------------------- */

/* Much room, so that the connection is not read from in steps; the limit for sockets is root's to exceed. */
static int open_feed(struct builder *b, int *other)
{
	enum { FEED_BYTES = 4 << 20 };
	int feed[2], size = FEED_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, feed))
		return fail_errno("cannot make a socket");
	b->feed = feed[0];
	*other = feed[1];
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
	int other = -1, rc;

	if (!b)
		return fail(ENOMEM, "out of memory");
	*b = (struct builder){ .built = built, .options = options };
	rc = open_feed(b, &other);
	if (!rc) {
		rc = channel_init(&b->channel, other, "the connection");
		if (!rc)
			rc = start_both(b, &b->channel);
		close(other);
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
	return b->talk;
}

int builder_finish(struct builder *b)
{
	struct built *built = b->built;
	int rc = wait_for_both(b);

	close_feed(b);
	free(b);
	if (rc)
		builder_clean_up(built);
	return rc;
}

void builder_abort(struct builder *b)
{
	struct built *built = b->built;

	/* Its death signal, too: program.h sees to it that it is not ignored. */
	kill(child_pid(b->process), SIGTERM);
	builder_finish(b);
	builder_clean_up(built);
}
