/*
 * The guest's side that sends. libxl suspends the guest when it is asked, and
 * resumes or destroys it; what is written is libxc's stream, from its first
 * byte to its last.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "helper/helper.h"
#include "helper/libxl.h"
#include "process/child.h"
#include "log.h"
#include "migrate/pace.h"
#include "migrate/sender.h"
#include "process/stop.h"
#include "stream/channel.h"

/* --- who suspends the guest ------------------------------------------- */

static int check_suspended(struct domain *domain)
{
	struct domain_facts facts;
	int rc = domain_facts(domain, &facts);

	if (rc)
		return rc;
	if (!facts.is_shut_down || facts.shutdown_reason != SHUTDOWN_REASON_SUSPEND)
		return fail(EPROTO, "libxl says that domain %u is suspended, Xen does not", facts.id);
	return 0;
}

/* No other process would resume it, and no process waits for this one: so wait for as long as it takes, or a signal. */
static void withdraw(struct domain *domain)
{
	while (domain_withdraw(domain) == -EINPROGRESS && !stop_requested())
		;
}

static int suspend(struct domain *domain, void *context)
{
	struct store_watch *watch;
	int rc = domain_watch_request(domain, &watch);

	(void)context;
	if (rc)
		return rc;
	rc = libxl_suspend();
	/* A guest that it has asked will stop, and no other process is there to resume it; one that it has not never will. */
	if (rc == -ECONNRESET && domain_was_asked(domain, watch))
		withdraw(domain);
	return rc ? rc : check_suspended(domain);
}

/* --- how fast ------------------------------------------------------------ */

struct bucket {
	const struct live *live;
	struct pace pace;
};

static int wait_for_stop(unsigned int ms)
{
	struct pollfd stop = { .fd = stop_fd(), .events = POLLIN };

	poll(&stop, 1, ms);
	return stop_requested();
}

/* A limit spares the traffic of others; it is not to keep a guest stopped. */
static int pace(void *context, size_t bytes)
{
	struct bucket *bucket = context;
	uint64_t limit = bucket->live->bandwidth_bytes;
	unsigned int ms;
	int rc = 0;

	pace_count(&bucket->pace, bytes, limit, now_ns());
	while (!rc && bucket->live->phase < LIVE_SUSPENDING &&
	       (ms = pace_wait(&bucket->pace, limit, now_ns())))
		rc = wait_for_stop(ms);
	return rc;
}

/* --- the whole ------------------------------------------------------------ */

static int send_guest(struct task *task, struct live *live, struct sent *sent)
{
	const struct settings *settings = &task->settings;
	struct migrate_options options = {
		.bare = true,
		.level = task->is_packed ? LEVEL_DEFAULT : LEVEL_PLAIN,
		.threads = settings->threads,
		.max_suspended_seconds = settings->max_suspended_seconds,
		.suspend = suspend,
		.progress = libxl_progress,
		.live = task->order.is_live ? live : NULL,
		.tracking = settings->tracking,
		.limits.max_rounds = settings->max_rounds,
	};
	struct bucket bucket = { .live = live };
	struct channel channel;
	int rc = channel_init_shared(&channel, task->order.stream_fd, "the stream");

	if (rc)
		return rc;
	live->max_downtime_ms = settings->max_downtime_ms;
	live->bandwidth_bytes = settings->bandwidth_bytes;
	if (task->order.is_live && settings->bandwidth_bytes) {
		channel.pace = pace;
		channel.context = &bucket;
	}
	rc = send_domain(sent, task->order.domain, &channel, &options);
	channel_release(&channel);
	return rc;
}

static void say_sent(const struct sent *sent, const struct live *live, bool is_live)
{
	const struct migrate_figures *figures = &sent->figures;

	if (is_live)
		say(SAY_NOTE, "%lu MiB in %u rounds (%s), %lu MiB written, stopped for %lu ms",
		    figures->frames / 256, live->round, live->uses_log ? "by Xen's log" : "by content",
		    figures->stored_bytes >> 20, (now_ns() - figures->stopped_at_ns) / 1000000);
	else
		say(SAY_NOTE, "%lu MiB, %lu MiB written, stopped for %lu ms", figures->frames / 256,
		    figures->stored_bytes >> 20, (now_ns() - figures->stopped_at_ns) / 1000000);
}

/* The child may have died while libxl was at its question: its answer would be taken for another's. */
static bool owes_an_answer(int rc, const struct sent *sent)
{
	return rc == -ECHILD && sent->is_asked && !sent->is_suspended;
}

int run_save(struct task *task)
{
	struct live *live = child_share(sizeof(*live));
	struct sent sent = { 0 };
	int rc = live ? send_guest(task, live, &sent) : -ENOMEM;
	int gone;

	if (rc)
		libxl_say_reason("cannot save the domain");
	else
		say_sent(&sent, live, task->order.is_live);
	child_unshare(live, sizeof(*live));
	if (owes_an_answer(rc, &sent))
		return EXIT_FAILURE;
	gone = libxl_complete(rc);
	if (gone)
		sender_let_go_on(task->order.domain, &sent);
	return gone ? EXIT_FAILURE : EXIT_SUCCESS;
}
