/*
 * See settle.h. What becomes of the domain at the destination when a move is over: it runs, or is removed. In: a
 * journal. Out: its end, written into it. Mirror: migrate/settle.c. Each step may be done twice, as a process that died
 * may have done it already. The trap: the process may have died before it had written down the domain's id
 * (find_unfinished()).
 */
#include "restore/settle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config.h"
#include "machine/devices.h"
#include "machine/registry.h"
#include "restore/lanes.h"
#include "restore/preflight.h"

struct guest {
	struct host *host;
	struct domain *domain;
	struct domain_facts facts;
};

static bool has_uuid(struct host *host, uint32_t id, const char *wanted)
{
	struct domain_facts facts;
	struct domain *domain;
	char uuid[37] = "";

	if (domain_open(&domain, host, id))
		return false;
	if (!domain_facts(domain, &facts))
		uuid_format(facts.uuid, uuid);
	domain_close(domain);
	return !strcmp(uuid, wanted);
}

/*
 * A domain whose id no process had the time to write down: it has the
 * UUID, and no name yet, or that of one to come. The guest itself may be on
 * this host, too, and always has another.
 */
static int find_unfinished(struct host *host, const struct journal *journal, uint32_t *id)
{
	char name[sizeof(journal->domain) + sizeof(INCOMING_SUFFIX)];
	uint32_t *ids;
	size_t count;
	int rc = domain_list(host, &ids, &count);

	snprintf(name, sizeof(name), "%s" INCOMING_SUFFIX, journal->domain);
	*id = 0;
	for (size_t i = 0; !rc && !*id && i < count; i++) {
		char *has = store_read(host, "/local/domain/%u/name", ids[i]);

		if (ids[i] && (!has || !strcmp(has, name)) && has_uuid(host, ids[i], journal->uuid))
			*id = ids[i];
		free(has);
	}
	free(ids);
	return rc || *id ? rc : fail(ESRCH, "there is no domain of job %s", journal->job);
}

/* The domain of that id must still be the guest. */
static int open_guest(struct guest *guest, const struct journal *journal)
{
	uint32_t id = journal->domid;
	int rc;

	*guest = (struct guest){ .host = NULL };
	if (!journal_is_of_this_boot(journal))
		return fail(ESRCH, "the host was started anew since, and the domain is gone");
	rc = host_open(&guest->host);
	if (!rc && !id)
		rc = find_unfinished(guest->host, journal, &id);
	if (!rc)
		rc = domain_open(&guest->domain, guest->host, id);
	if (!rc)
		rc = domain_facts(guest->domain, &guest->facts);
	if (rc)
		return rc;
	return guest->facts.is_dying || !has_uuid(guest->host, id, journal->uuid)
		     ? fail(ESRCH, "domain %u is not the guest any more", id)
		     : 0;
}

static void close_guest(struct guest *guest)
{
	domain_close(guest->domain);
	host_close(guest->host);
}

/* The name is of less weight than that it runs. */
static void name_guest(const struct guest *guest, const char *name)
{
	char *now = store_read(guest->host, "/local/domain/%u/name", guest->facts.id);

	if ((!now || strcmp(now, name)) && registry_rename(guest->domain, name))
		say(SAY_WARNING, "domain %u runs, but could not be named %s: %s", guest->facts.id, name,
		    fail_reason());
	free(now);
}

static int run_once(const struct journal *journal)
{
	struct guest guest;
	int rc = open_guest(&guest, journal);

	if (!rc && guest.facts.is_paused)
		rc = domain_unpause(guest.domain);
	if (!rc)
		name_guest(&guest, journal->domain);
	close_guest(&guest);
	return rc;
}

/* Twice, as the guest stands still for as long as this fails. */
int destination_run(const struct journal *journal)
{
	return run_once(journal) ? run_once(journal) : 0;
}

static int sweep(struct host *host, const struct journal *journal)
{
	char name[sizeof(journal->domain) + sizeof(INCOMING_SUFFIX)];

	snprintf(name, sizeof(name), "%s" INCOMING_SUFFIX, journal->domain);
	return registry_sweep(host, name);
}

static int remove_once(const struct journal *journal)
{
	struct guest guest;
	int rc = open_guest(&guest, journal);

	if (!rc)
		rc = domain_remove(guest.domain);
	if (rc == -ESRCH) {
		fail_forget();
		rc = guest.host ? sweep(guest.host, journal) : 0;
	}
	close_guest(&guest);
	return rc;
}

int destination_remove(const struct journal *journal)
{
	return remove_once(journal) ? remove_once(journal) : 0;
}

int destination_recover(struct journal *journal)
{
	bool may_run = journal->stage == JOURNAL_GO;
	int rc;

	if (journal_is_settled(journal))
		return 0;
	/*
	 * GO was received: the source has given the guest away, and only this host can run it. Before GO the source has
	 * it.
	 */
	joined_forget(journal->job);
	rc = may_run ? destination_run(journal) : destination_remove(journal);
	if (rc == -ESRCH) { /* gone, by whatever hand */
		snprintf(journal->reason, sizeof(journal->reason), "%.500s", fail_reason());
		fail_forget();
		may_run = false;
		rc = 0;
	}
	if (rc)
		return rc;
	journal->stage = may_run ? JOURNAL_RUNNING : JOURNAL_DESTROYED;
	return journal_write(journal);
}
