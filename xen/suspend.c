/*
 * The guest suspends itself: it is asked through control/shutdown, takes the
 * request by clearing the node, pins all its page tables and stops with
 * SHUTDOWN_suspend. Until it has taken the request we can withdraw it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenctrl.h>
#include <xenguest.h>

#include "log.h"
#include "xen/internal.h"

/* How long a guest that took the request is waited for when the time is over, before another process has to do that. */
enum { GRACE_MS = 5000, POLL_MS = 250 };
/*
 * After so long a guest that took the request and does not stop is asked again:
 * Linux 7.2 drops a request that comes while it hibernates or suspends by itself.
 */
enum { ASK_AGAIN_MS = 5000 };
/*
 * A watch comes through xenstored, some ms after the guest has stopped. A guest that was asked, or of which xenstored had news, may
 * stop in a moment: it is looked at again and again for so long.
 */
enum { MOMENT_MS = 30, NAP_NS = 200 * 1000 };
/* For what xenstored has to say of a watch that is new, or of a write just before. */
enum { EVENT_MS = 500 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

const char *domain_end(unsigned int shutdown_reason)
{
	static const char *const texts[] = {
		"powered off", "asked to be rebooted",	"suspended",
		"crashed",     "run into its watchdog", "asked for a soft reset"
	};

	return shutdown_reason < sizeof(texts) / sizeof(*texts) ? texts[shutdown_reason] : "shut down";
}

/* 1 suspended, 0 not yet; a failure if it did something else. */
static int has_suspended(struct domain *domain)
{
	struct domain_facts facts;
	int rc = domain_facts(domain, &facts);

	if (rc)
		return rc;
	if (facts.is_dying)
		return fail(ESRCH, "domain %u died instead of suspending", domain->id);
	if (!facts.is_shut_down)
		return 0;
	if (facts.shutdown_reason != SHUTDOWN_REASON_SUSPEND)
		return fail(ESHUTDOWN, "domain %u has %s instead of suspending", domain->id,
			    domain_end(facts.shutdown_reason));
	return 1;
}

/* --- the request ------------------------------------------------------- */

struct request {
	struct domain *domain;
	struct store_watch *watch;
	char path[64]; /* control/shutdown */
	int64_t asked_ms;
	bool is_made;	  /* "suspend" stood there; if it does no more, the guest took it */
	bool is_repeated; /* the guest took one before */
};

static void shutdown_path(const struct domain *domain, char path[64])
{
	snprintf(path, 64, "/local/domain/%u/control/shutdown", domain->id);
}

/* Into an empty node only: another request, which the guest has not taken yet, would be lost. A "suspend" is as good as ours. */
static int suspend_ask(struct request *r, bool *is_written)
{
	struct host *host = r->domain->host;
	char *other;
	int rc = store_exchange(host, r->path, "", "suspend", is_written);

	r->asked_ms = now_ms();
	if (rc || *is_written)
		return rc;
	other = store_read(host, "%s", r->path);
	if (other && *other && strcmp(other, "suspend"))
		rc = fail(EBUSY, "domain %u was asked to \"%s\" before and has not done so yet (%s)",
			  r->domain->id, other, r->path);
	free(other);
	return rc;
}

static int ask_again(struct request *r)
{
	bool is_written = false;
	int rc = now_ms() - r->asked_ms < ASK_AGAIN_MS ? 0 : suspend_ask(r, &is_written);

	if (!rc && is_written) {
		r->is_repeated = true;
		say(SAY_DETAIL, "domain %u took the request and does not suspend: it is asked again",
		    r->domain->id);
	}
	return rc;
}

/* As has_suspended(), after a moment and not later than then. */
static int look_for_a_moment(struct domain *domain, int64_t until)
{
	const struct timespec nap = { 0, NAP_NS };
	int64_t end = now_ms() + MOMENT_MS;
	int rc;

	for (;;) {
		int64_t now = now_ms();

		rc = has_suspended(domain);
		if (rc || now >= end || now >= until)
			return rc;
		nanosleep(&nap, NULL);
	}
}

/* As has_suspended(), after waiting until then at most. */
static int wait_suspended(struct request *r, int64_t until)
{
	bool is_news = true;

	for (;;) {
		int rc = is_news ? look_for_a_moment(r->domain, until) : has_suspended(r->domain);
		int64_t left = until - now_ms();

		if (rc || left <= 0)
			return rc;
		rc = store_watch_wait(r->watch, left < POLL_MS ? left : POLL_MS);
		is_news = rc > 0;
		if (rc >= 0)
			rc = ask_again(r);
		if (rc < 0)
			return rc;
	}
}

/* Takes back what the guest has not taken. */
static int request_withdraw(struct domain *domain, bool *is_withdrawn)
{
	char path[64];

	shutdown_path(domain, path);
	return store_exchange(domain->host, path, "suspend", "", is_withdrawn);
}

/* A guest that took a request is on its way and cannot be called back: wait for it, and let it go on. */
static int wait_and_resume(struct domain *domain, int64_t until)
{
	struct timespec nap = { 0, 10 * 1000 * 1000 };

	for (;;) {
		int rc = has_suspended(domain);

		if (rc == 1)
			return domain_resume(domain);
		if (rc)
			return rc;
		if (now_ms() >= until)
			return fail(EINPROGRESS,
				    "domain %u took the request to suspend and has not suspended yet",
				    domain->id);
		nanosleep(&nap, NULL);
	}
}

static int withdraw(struct domain *domain, bool is_repeated)
{
	bool is_withdrawn = false;
	int rc = request_withdraw(domain, &is_withdrawn);

	if (rc || (is_withdrawn && !is_repeated))
		return rc;
	return wait_and_resume(domain, now_ms() + GRACE_MS);
}

int domain_withdraw(struct domain *domain)
{
	return withdraw(domain, false);
}

int domain_watch_request(struct domain *domain, struct store_watch **watch)
{
	char path[64];
	const char *const paths[] = { path };
	int rc;

	shutdown_path(domain, path);
	rc = store_watch_open(watch, domain->host, paths, 1);
	if (rc)
		return rc;
	/* xenstored answers each watch with an event that is no news. */
	rc = store_watch_wait(*watch, EVENT_MS);
	return rc < 0 ? rc : 0;
}

bool domain_was_asked(struct domain *domain, struct store_watch *watch)
{
	return store_exists(domain->host, "/local/domain/%u/device/suspend/event-channel", domain->id) ||
	       store_watch_take(watch, EVENT_MS);
}

static int ask_and_wait(struct request *r, unsigned int timeout_seconds)
{
	const char *const paths[] = { r->path, "@releaseDomain" };
	bool is_written;
	int rc;

	shutdown_path(r->domain, r->path);
	rc = store_watch_open(&r->watch, r->domain->host, paths, 2);
	if (!rc)
		rc = suspend_ask(r, &is_written);
	r->is_made = !rc;
	if (!rc)
		rc = wait_suspended(r, now_ms() + timeout_seconds * 1000LL);
	return rc ? rc
		  : fail(ETIMEDOUT, "domain %u did not suspend within %u s", r->domain->id, timeout_seconds);
}

int domain_suspend(struct domain *domain, unsigned int timeout_seconds, bool *is_on_its_way)
{
	struct request request = { .domain = domain };
	bool is_withdrawn;
	int rc = ask_and_wait(&request, timeout_seconds);

	*is_on_its_way = false;
	if (rc == 1)
		/* Of two requests the guest would find the second when it goes on. */
		return request.is_repeated ? request_withdraw(domain, &is_withdrawn) : 0;
	if (rc != -ESRCH && rc != -ESHUTDOWN && request.is_made)
		*is_on_its_way = withdraw(domain, request.is_repeated) == -EINPROGRESS;
	return rc;
}

int domain_resume(struct domain *domain)
{
	if (xc_domain_resume(xc_of(domain), domain->id, 1))
		return fail_errno("cannot resume domain %u", domain->id);
	if (!xs_resume_domain(domain->host->store, domain->id))
		return fail_errno("xenstored does not resume domain %u", domain->id);
	return 0;
}
