/*
 * See recover.h. What is left of jobs whose processes are gone, at the source: found by their journals, and put right
 * under their locks. The trap: a domain of which a journal says GO may run on the other host, and is touched by nothing
 * here: only `resolve` decides about it.
 */
#include "migrate/recover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config.h"
#include "machine/watch.h"
#include "migrate/settle.h"

static bool is_of(const struct journal *journal, const struct domain_facts *facts)
{
	char uuid[37];

	uuid_format(facts->uuid, uuid);
	return journal->role == JOURNAL_SOURCE && !journal_is_settled(journal) &&
	       /*
	        * An id alone means nothing: Xen gives it to another
	        * domain after a while, and after each boot.
	        */
	       journal->domid == facts->id && !strcmp(journal->uuid, uuid) &&
	       journal_is_of_this_boot(journal);
}

/* One that may run elsewhere counts before any other. */
int recover_find(const struct domain_facts *facts, struct journal *journal)
{
	struct journal *list;
	size_t count;
	int found = -ENOENT, rc = journal_list(&list, &count);

	for (size_t i = 0; !rc && i < count; i++)
		if (is_of(&list[i], facts) && (found || list[i].stage == JOURNAL_GO)) {
			*journal = list[i];
			found = 0;
		}
	free(list);
	return rc ? rc : found;
}

bool recover_is_busy(uint32_t id)
{
	int lock, rc = journal_lock_domain(id, &lock);

	if (!rc)
		journal_unlock_domain(id, lock);
	fail_forget();
	return rc == -EBUSY;
}

int recover_one(struct journal *journal)
{
	int lock, rc = journal_lock(journal->job, JOURNAL_SOURCE, &lock);

	if (rc)
		return rc;
	rc = journal_read(journal, journal->job, JOURNAL_SOURCE);
	if (!rc && !journal_is_settled(journal))
		rc = journal->stage == JOURNAL_GO ? fail(EBUSY, "the domain may run on %s", journal->peer)
						  : source_conclude(journal, false);
	journal_unlock(journal->job, JOURNAL_SOURCE, lock);
	return rc;
}

int recover_stray(uint32_t id)
{
	struct domain *domain = NULL;
	struct host *host;
	int lock, rc = journal_lock_domain(id, &lock);

	if (rc)
		return rc;
	rc = host_open(&host);
	if (!rc)
		rc = domain_open(&domain, host, id);
	if (!rc)
		rc = domain_resume(domain);
	domain_close(domain);
	host_close(host);
	journal_unlock_domain(id, lock);
	return rc;
}

void recover_saves(void)
{
	struct journal *list;
	size_t count;

	if (journal_list(&list, &count))
		fail_forget();
	for (size_t i = 0; i < count; i++) {
		int rc;

		if (!journal_is_of_save(&list[i]) || journal_is_settled(&list[i]))
			continue;
		rc = recover_one(&list[i]);
		if (!rc && list[i].stage == JOURNAL_KEPT)
			say(SAY_NOTE, "%s: a save of it was killed; it runs again", list[i].domain);
		if (!rc && list[i].was_resumed)
			watch_resumed(list[i].domid);
		if (rc && rc != -EBUSY && rc != -ENOENT)
			say(SAY_WARNING, "%s: a save of it was killed: %s", list[i].domain, fail_reason());
		fail_forget();
	}
	free(list);
}
