/*
 * See settle.h. What becomes of the guest at the source when a move or save is over: it is kept (resumed) or removed.
 * In: a journal. Out: its end, written into it. Each step may be done twice, as a process that died may have done it
 * already. The trap: a domain id may be another guest's by now: open_guest() compares the UUID and the boot.
 */
#include "migrate/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "machine/config.h"
#include "machine/devices.h"
#include "machine/registry.h"
#include "machine/watch.h"

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

/* Did a process that is gone ask it to suspend, as far as is known? */
static bool is_asked(const struct guest *guest, const struct journal *journal)
{
	char *request = store_read(guest->host, "/local/domain/%u/control/shutdown", guest->facts.id);
	bool is = journal->stage == JOURNAL_SUSPENDING || (request && !strcmp(request, "suspend"));

	free(request);
	return is;
}

/* Resumed, or not asked to suspend any more. */
static int guest_resume(const struct guest *guest, const struct journal *journal, bool *was_resumed)
{
	const struct domain_facts *facts = &guest->facts;
	int rc;

	/* The process that sent it may have died with Xen's log on; where it is off this says so, and no harm is done. */
	domain_log_stop(guest->domain);
	if (!facts->is_shut_down)
		return is_asked(guest, journal) ? domain_withdraw(guest->domain) : 0;
	if (facts->shutdown_reason == SHUTDOWN_REASON_SUSPEND) {
		rc = domain_resume(guest->domain);
		*was_resumed |= !rc;
		return rc;
	}
	return fail(ESHUTDOWN, "domain %u has %s", facts->id, domain_end(facts->shutdown_reason));
}

static int keep_once(const struct journal *journal, bool *was_resumed)
{
	struct guest guest;
	int rc = open_guest(&guest, journal), named;

	if (!rc) {
		rc = guest_resume(&guest, journal, was_resumed);
		named = name_guest(&guest, journal->domain);
		rc = rc ? rc : named;
	}
	close_guest(&guest);
	return rc;
}

/* A guest that waits must not be left waiting for one call that failed. */
static int guest_keep(const struct journal *journal, bool *was_resumed)
{
	int rc = keep_once(journal, was_resumed);

	return !rc || rc == -EINPROGRESS || rc == -ESHUTDOWN ? rc : keep_once(journal, was_resumed);
}

int source_keep(const struct journal *journal)
{
	bool was_resumed = false;

	return guest_keep(journal, &was_resumed);
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
		rc = domain_remove(guest.domain);
	if (rc == -ESRCH) {
		fail_forget();
		rc = guest.host ? sweep(guest.host, journal) : 0;
	}
	close_guest(&guest);
	return rc;
}

/* Twice, as with source_keep(): what is left would be a second copy of a guest that runs elsewhere. */
int source_remove(const struct journal *journal)
{
	return remove_once(journal) ? remove_once(journal) : 0;
}

/* Is it long ago that it was asked? Then it has dropped the request, as some guests do. */
static bool has_dropped(const struct journal *journal)
{
	enum { LONGEST_SECONDS = 3600 };

	return journal->time + LONGEST_SECONDS < time(NULL);
}

/* A save's journal says only that its guest may be suspended. A move's stays: the other host may ask how it ended. */
static int write_end(struct journal *journal, enum journal_stage stage)
{
	journal->stage = stage;
	if (!journal_is_of_save(journal))
		return journal_write(journal);
	journal_remove(journal->job, JOURNAL_SOURCE);
	return 0;
}

static int conclude(struct journal *journal, bool runs_there)
{
	int rc = runs_there ? source_remove(journal) : guest_keep(journal, &journal->was_resumed);
	bool has_ended = rc == -ESRCH || rc == -ESHUTDOWN;

	if (rc && !has_ended && !(rc == -EINPROGRESS && has_dropped(journal)))
		return rc;
	if (rc)
		snprintf(journal->reason, sizeof(journal->reason), "%.500s", fail_reason());
	fail_forget();
	return write_end(journal, runs_there ? JOURNAL_DONE : has_ended ? JOURNAL_ENDED : JOURNAL_KEPT);
}

int source_conclude(struct journal *journal, bool runs_there)
{
	int lock, rc = journal_lock_domain(journal->domid, &lock);

	if (rc)
		return rc;
	rc = conclude(journal, runs_there);
	journal_unlock_domain(journal->domid, lock);
	return rc;
}

/* --- a guest that is on its way to suspend ------------------------------------ */

/* Until it has suspended and runs again, or has ended; SIGTERM ends this at any time, and recovery takes over. */
static void wait_for_guest(struct journal *journal, const struct source_locks *locks)
{
	int rc;

	do {
		fail_forget();
		rc = conclude(journal, false);
	} while (rc == -EINPROGRESS);
	if (rc)
		_exit(EXIT_FAILURE);
	journal_unlock(journal->job, JOURNAL_SOURCE, locks->job);
	journal_unlock_domain(journal->domid, locks->domain);
	if (journal->was_resumed)
		watch_resumed(journal->domid);
	_exit(EXIT_SUCCESS);
}

/* No descriptor that another process waits on the end of. */
static void let_go_of_everything(struct source_locks *locks)
{
	int nothing = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		dup2(nothing, fd);
	for (unsigned int fd = 3; fd < 1024; fd++)
		if ((int)fd != locks->job && (int)fd != locks->domain)
			close(fd);
	setsid();
	for (int number = 1; number < NSIG; number++)
		signal(number, number == SIGPIPE ? SIG_IGN : SIG_DFL);
}

int source_stay(const struct journal *journal, struct source_locks *locks, pid_t *pid)
{
	struct journal own = *journal;

	fflush(NULL);
	*pid = fork();
	if (*pid < 0)
		return fail_errno("cannot start a process");
	if (!*pid) {
		let_go_of_everything(locks);
		wait_for_guest(&own, locks);
	}
	if (locks->job >= 0)
		close(locks->job);
	if (locks->domain >= 0)
		close(locks->domain);
	*locks = (struct source_locks){ -1, -1 };
	return 0;
}
