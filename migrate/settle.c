/* See settle.h. */
#include "migrate/settle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config.h"
#include "machine/registry.h"

struct guest {
	struct host *host;
	struct domain *domain;
	struct domain_facts facts;
};

/* The domain of that id must still be the guest. */
static int open_guest(struct guest *guest, const struct journal *journal)
{
	char uuid[37];
	int rc;

	*guest = (struct guest){ .host = NULL };
	if (!journal_is_of_this_boot(journal))
		return fail(ESRCH, "the host was started anew since, and domain %u is gone", journal->domid);
	rc = host_open(&guest->host);
	if (!rc)
		rc = domain_open(&guest->domain, guest->host, journal->domid);
	if (!rc)
		rc = domain_facts(guest->domain, &guest->facts);
	if (rc)
		return rc;
	uuid_format(guest->facts.uuid, uuid);
	return strcmp(uuid, journal->uuid) || guest->facts.is_dying
		     ? fail(ESRCH, "domain %u is not the guest any more", journal->domid)
		     : 0;
}

static void close_guest(struct guest *guest)
{
	domain_close(guest->domain);
	host_close(guest->host);
}

/* Gives it the name, unless it has it. */
static int name_guest(const struct guest *guest, const char *name)
{
	char *now = store_read(guest->host, "/local/domain/%u/name", guest->facts.id);
	bool has = now && !strcmp(now, name);

	free(now);
	return has ? 0 : registry_rename(guest->domain, name);
}

int source_mark_away(const struct journal *journal)
{
	struct guest guest;
	char name[sizeof(journal->domain) + sizeof(AWAY_SUFFIX)];
	int rc = open_guest(&guest, journal);

	snprintf(name, sizeof(name), "%s" AWAY_SUFFIX, journal->domain);
	if (!rc)
		rc = name_guest(&guest, name);
	close_guest(&guest);
	return rc;
}

/* Resumed, or not asked to suspend any more. */
static int let_run(struct guest *guest)
{
	char *request;
	bool asked;

	/* Whoever sent it may have died with Xen's log on; where it is off this says so, and no harm is done. */
	domain_log_stop(guest->domain);
	if (guest->facts.is_shut_down && guest->facts.shutdown_reason == SHUTDOWN_REASON_SUSPEND)
		return domain_resume(guest->domain);
	request = store_read(guest->host, "/local/domain/%u/control/shutdown", guest->facts.id);
	asked = request && !strcmp(request, "suspend");
	free(request);
	return asked ? domain_withdraw(guest->domain) : 0;
}

static int keep_once(const struct journal *journal)
{
	struct guest guest;
	int rc = open_guest(&guest, journal), named;

	if (!rc) {
		rc = let_run(&guest);
		named = name_guest(&guest, journal->domain);
		rc = rc ? rc : named;
	}
	close_guest(&guest);
	return rc;
}

/* A guest that waits must not be left waiting for one call that failed. */
int source_keep(const struct journal *journal)
{
	return keep_once(journal) ? keep_once(journal) : 0;
}

static int sweep(struct host *host, const struct journal *journal)
{
	char name[sizeof(journal->domain) + sizeof(AWAY_SUFFIX)];

	snprintf(name, sizeof(name), "%s" AWAY_SUFFIX, journal->domain);
	return registry_sweep(host, name);
}

static int remove_once(const struct journal *journal)
{
	struct guest guest;
	int rc = open_guest(&guest, journal);

	if (!rc)
		rc = domain_demolish(guest.domain);
	if (rc == -ESRCH) {
		fail_forget();
		rc = guest.host ? sweep(guest.host, journal) : 0;
	}
	close_guest(&guest);
	return rc;
}

int source_remove(const struct journal *journal)
{
	return remove_once(journal) ? remove_once(journal) : 0;
}

int source_conclude(struct journal *journal, bool runs_there)
{
	int lock, rc = journal_lock_domain(journal->domid, &lock);

	if (rc)
		return rc;
	rc = runs_there ? source_remove(journal) : source_keep(journal);
	journal_unlock_domain(journal->domid, lock);
	if (rc && rc != -ESRCH)
		return rc;
	if (rc)
		snprintf(journal->reason, sizeof(journal->reason), "%.500s", fail_reason());
	fail_forget();
	journal->stage = runs_there ? JOURNAL_DONE : JOURNAL_KEPT;
	return journal_write(journal);
}
