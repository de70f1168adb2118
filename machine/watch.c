/* See watch.h. */
#include "machine/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config.h"
#include "machine/toolstack.h"

/* The last release whose xl ends at a suspend: 6b8c85872e of Xen 4.20 mends it. */
enum { DEAF_MAJOR = 4, DEAF_MINOR = 19 };

bool watch_is_wanted(void)
{
	const char *wish = secure_getenv("PVFERRY_WATCH");

	return !wish || strcmp(wish, "no");
}

static int find_uuid(struct host *host, uint32_t id, char uuid[37])
{
	struct domain_facts facts;
	struct domain *domain;
	int rc = domain_open(&domain, host, id);

	if (rc)
		return rc;
	rc = domain_facts(domain, &facts);
	domain_close(domain);
	if (!rc)
		uuid_format(facts.uuid, uuid);
	return rc;
}

static int enter_and_start(const struct watch *watch)
{
	int rc = watch_enter(watch);

	return rc == -EEXIST ? 0 : rc ? rc : toolstack_watch(watch->uuid);
}

int watch_start(uint32_t id, bool boots)
{
	struct watch watch = { .domain = id, .boots = boots };
	struct host *host;
	int rc;

	if (!watch_is_wanted())
		return 0;
	rc = host_open(&host);
	if (rc)
		return rc;
	rc = find_uuid(host, id, watch.uuid);
	host_close(host);
	return rc ? rc : enter_and_start(&watch);
}

static bool xl_is_deaf(const struct host_facts *facts)
{
	return facts->xen_major < DEAF_MAJOR ||
	       (facts->xen_major == DEAF_MAJOR && facts->xen_minor <= DEAF_MINOR);
}

/*
 * What such a domain boots was named here, not by an image. One that pvferry has made has a mark, and a file that says
 * more, unless its watch is over.
 */
static int start_instead_of_xl(uint32_t id)
{
	struct watch watch = { .domain = id };
	struct host_facts facts;
	struct host *host;
	bool was_watched = false;
	int rc;

	rc = host_open(&host);
	if (rc)
		return rc;
	rc = host_facts(host, &facts);
	if (!rc)
		rc = find_uuid(host, id, watch.uuid);
	watch.boots = !store_exists(host, "/libxl/%u/pvferry", id);
	host_close(host);
	if (!rc)
		was_watched = xl_is_deaf(&facts) && config_has_file(id, watch.uuid, "libxl-json") &&
			      !config_has_file(id, watch.uuid, "libvirt-xml");
	return rc || !was_watched ? rc : enter_and_start(&watch);
}

void watch_resumed(uint32_t id)
{
	int rc;

	if (!watch_is_wanted())
		return;
	rc = start_instead_of_xl(id);
	if (rc && rc != -ESRCH)
		say(SAY_WARNING, "domain %u is not watched any more, since xl's process has ended: %s", id,
		    fail_reason());
	fail_forget();
}

void watch_recover(void)
{
	struct watch *list;
	size_t count;
	int rc;

	if (watch_list(&list, &count)) {
		fail_forget();
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (list[i].watcher)
			continue;
		rc = toolstack_watch(list[i].uuid);
		if (!rc)
			say(SAY_NOTE, "domain %u: its watcher had died; another one watches it now",
			    list[i].domain);
		else if (rc != -EBUSY && rc != -ESRCH && rc != -ENOENT)
			say(SAY_WARNING, "domain %u is not watched: %s", list[i].domain, fail_reason());
		fail_forget();
	}
	free(list);
}
