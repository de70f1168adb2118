/* See host.h: the domain itself. Each question opens a connection of its own, as commands that are started have none. */
#include "stress/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/devices.h"
#include "process/stop.h"
#include "text/text.h"
#include "xen/domain.h"
#include "xen/layout.h"

enum { WAIT_MS = 60000, NAP_MS = 10, SETTLE_NAP_MS = 5 };

static void describe(struct guest *guest, struct host *host, const struct domain_facts *facts)
{
	const uint8_t *u = facts->uuid;

	*guest = (struct guest){ .id = facts->id,
				 .frames = facts->frames,
				 .cpu_ns = facts->cpu_ns,
				 .is_paused = facts->is_paused,
				 .is_shut_down = facts->is_shut_down,
				 .is_suspended = facts->is_shut_down &&
						 facts->shutdown_reason == SHUTDOWN_REASON_SUSPEND,
				 .has_devices = devices_exist(host, facts->id) };
	snprintf(guest->uuid, sizeof(guest->uuid),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
		 u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* To be closed both, whatever is returned. */
static int open_guest(const char *name, struct host **host, struct domain **domain,
		      struct domain_facts *facts)
{
	uint32_t id;
	int rc = host_open(host);

	if (rc)
		return rc;
	rc = domain_find_name(*host, name, &id);
	if (!rc)
		rc = domain_open(domain, *host, id);
	return rc ? rc : domain_facts(*domain, facts);
}

int guest_find(const char *name, struct guest *guest)
{
	struct domain *domain = NULL;
	struct host *host = NULL;
	struct domain_facts facts;
	int rc = open_guest(name, &host, &domain, &facts);

	if (!rc)
		describe(guest, host, &facts);
	domain_close(domain);
	host_close(host);
	return rc;
}

int guest_name(const char *name_or_id, char name[256])
{
	struct host *host = NULL;
	uint32_t id;
	char *has;
	int rc = host_open(&host);

	if (!rc)
		rc = domain_find(host, name_or_id, &id);
	has = rc ? NULL : store_read(host, "/local/domain/%u/name", id);
	if (!rc && (!has || !*has))
		rc = fail(ENOENT, "domain %u has no name, by which it could be found again", id);
	snprintf(name, 256, "%s", has ? has : "");
	free(has);
	host_close(host);
	return rc;
}

static unsigned int count_named(struct host *host, const uint32_t *ids, size_t count, const char *name)
{
	unsigned int named = 0;

	for (size_t i = 0; i < count; i++) {
		char *has = store_read(host, "/local/domain/%u/name", ids[i]);

		named += has && !strcmp(has, name);
		free(has);
	}
	return named;
}

/* The id changes from round to round: a name of digits would mean another sooner or later. */
int guest_check_name(const char *name)
{
	struct host *host = NULL;
	uint32_t *ids = NULL;
	size_t count = 0;
	uint64_t number;
	int rc = host_open(&host);

	if (!rc && text_number(name, UINT64_MAX, &number))
		rc = fail(EINVAL, "the domain's name, \"%s\", is a number, which means an id: rename it",
			  name);
	if (!rc)
		rc = domain_list(host, &ids, &count);
	if (!rc && count_named(host, ids, count, name) > 1)
		rc = fail(EINVAL, "several domains are called \"%s\": rename it", name);
	free(ids);
	host_close(host);
	return rc;
}

/* Restore clears both; the guest sets them when it comes back. */
static int has_p2m(struct domain *domain, mfn_t shared_info, bool *has)
{
	const struct layout *layout;
	unsigned int width;
	const uint8_t *page;
	int rc = domain_width(domain, &width);

	layout = rc ? NULL : layout_of(width);
	page = layout ? domain_map(domain, &shared_info, 1, false, NULL) : NULL;
	if (!page)
		return rc ? rc : fail(EFAULT, "cannot map the domain's shared info page");
	*has = word_get(layout, page, layout->shared_info.p2m_cr3) ||
	       word_get(layout, page, layout->shared_info.frame_list_list);
	domain_unmap(domain, (void *)page, 1);
	return 0;
}

/* 0: it runs as it will; -EAGAIN without a reason: not yet. */
static int guest_look(const char *name, struct guest *guest, uint64_t *first_ns)
{
	struct domain *domain = NULL;
	struct host *host = NULL;
	struct domain_facts facts;
	bool has = false;
	char *request = NULL;
	int rc = open_guest(name, &host, &domain, &facts);

	if (!rc) {
		describe(guest, host, &facts);
		rc = has_p2m(domain, facts.shared_info, &has);
		request = store_read(host, "/local/domain/%u/control/shutdown", facts.id);
	}
	if (!rc && facts.is_shut_down && !guest->is_suspended)
		rc = fail(ESHUTDOWN, "the domain %s", domain_end(facts.shutdown_reason));
	if (!rc && !*first_ns)
		*first_ns = facts.cpu_ns + 1;
	if (!rc && (facts.is_shut_down || facts.is_paused || !has || (request && *request) ||
		    facts.cpu_ns < *first_ns))
		rc = -EAGAIN;
	free(request);
	domain_close(domain);
	host_close(host);
	return rc;
}

int guest_wait_running(const char *name, struct guest *guest)
{
	uint64_t first_ns = 0;
	int rc = -EAGAIN;

	for (int waited = 0; rc == -EAGAIN && waited < WAIT_MS; waited += NAP_MS) {
		rc = guest_look(name, guest, &first_ns);
		if (rc == -EAGAIN)
			stop_wait(SETTLE_NAP_MS);
		fail_forget();
	}
	if (rc == -ESRCH)
		return fail(ESRCH, "the domain is gone");
	if (rc == -EAGAIN)
		return fail(ETIMEDOUT, "the domain does not run on%s",
			    guest->is_suspended ? ": it is suspended"
			    : guest->is_paused	? ": it is paused"
						: "");
	return rc ? fail(-rc, "the domain does not run on: %s", strerror(-rc)) : 0;
}

int guest_unpause(const struct guest *guest)
{
	struct domain *domain = NULL;
	struct host *host = NULL;
	int rc = host_open(&host);

	if (!rc)
		rc = domain_open(&domain, host, guest->id);
	if (!rc)
		rc = domain_unpause(domain);
	domain_close(domain);
	host_close(host);
	return rc;
}
