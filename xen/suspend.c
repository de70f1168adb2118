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

#include "log.h"
#include "xen/internal.h"

/* How long a guest that took the request may need to stop, after the time is over. */
enum { GRACE_MS = 30000, POLL_MS = 250 };
/* For what xenstored has to say of a watch that is new, or of a write just before. */
enum { EVENT_MS = 500 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
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
		return fail(ESHUTDOWN, "domain %u shut down (reason %u) instead of suspending", domain->id,
			    facts.shutdown_reason);
	return 1;
}

/* As has_suspended(), after waiting until then at most. */
static int wait_suspended(struct domain *domain, struct store_watch *watch, int64_t until)
{
	for (;;) {
		int rc = has_suspended(domain);
		int64_t left = until - now_ms();

		if (rc || left <= 0)
			return rc;
		rc = store_watch_wait(watch, left < POLL_MS ? left : POLL_MS);
		if (rc < 0)
			return rc;
	}
}

static void shutdown_path(const struct domain *domain, char path[64])
{
	snprintf(path, 64, "/local/domain/%u/control/shutdown", domain->id);
}

static int write_request(struct domain *domain, const char *path)
{
	if (!xs_write(domain->host->store, XBT_NULL, path, "suspend", strlen("suspend")))
		return fail_errno("cannot write %s", path);
	return 0;
}

/*
 * It did not suspend in time, or we were stopped. If the guest has not taken
 * the request it never will; if it has, it is on its way and cannot be called
 * back, so wait for it and let it go on.
 */
int domain_withdraw(struct domain *domain)
{
	bool withdrawn = false;
	int64_t until = now_ms() + GRACE_MS;
	char path[64];
	int rc;

	shutdown_path(domain, path);
	rc = store_exchange(domain->host, path, "suspend", "", &withdrawn);

	while (!rc && !withdrawn && now_ms() < until) {
		struct timespec nap = { 0, 10 * 1000 * 1000 };

		rc = has_suspended(domain);
		if (rc == 1)
			return domain_resume(domain);
		nanosleep(&nap, NULL);
	}
	return rc;
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
	if (rc < 0)
		store_watch_close(*watch);
	return rc < 0 ? rc : 0;
}

bool domain_was_asked(struct domain *domain, struct store_watch *watch)
{
	return store_exists(domain->host, "/local/domain/%u/device/suspend/event-channel", domain->id) ||
	       store_watch_take(watch, EVENT_MS);
}

int domain_suspend(struct domain *domain, unsigned int timeout_seconds)
{
	struct store_watch *watch;
	char path[64];
	const char *const paths[] = { path, "@releaseDomain" };
	int rc;

	shutdown_path(domain, path);
	rc = store_watch_open(&watch, domain->host, paths, 2);
	if (rc)
		return rc;
	rc = write_request(domain, path);
	if (!rc)
		rc = wait_suspended(domain, watch, now_ms() + timeout_seconds * 1000LL);
	store_watch_close(watch);
	if (rc == 1)
		return 0;
	if (rc == 0)
		rc = fail(ETIMEDOUT, "domain %u did not suspend within %u s: the guest does not answer",
			  domain->id, timeout_seconds);
	domain_withdraw(domain);
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
