/* What is offered, held against this host and claimed for this job, see destination-session.h. Mirror: migrate/handover.c, make_offer() */
#include <errno.h>
#include <stdio.h>

#include "log.h"
#include "restore/destination-session.h"
#include "restore/itself.h"
#include "restore/preflight-devices.h"
#include "stream/message.h"

static int check_host(struct destination_session *t, const struct message *policy)
{
	const struct offer *offer = &t->status->offer;
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	t->itself = offer_itself(offer, t->take->connection);
	rc = preflight_offer(host, offer, t->itself, policy);
	if (!rc)
		rc = preflight_devices(offer, t->take->options.allow_devices, t->itself);
	if (!rc)
		rc = preflight_memory(host, offer->frames, &t->maker.maker);
	host_close(host);
	return rc;
}

static int begin_journal(struct destination_session *t)
{
	const struct offer *offer = &t->status->offer;
	struct journal *journal = &t->status->journal, before;
	int lock, rc = journal_lock(offer->job, JOURNAL_DESTINATION, &lock);

	if (rc)
		return rc;
	/* What stands there may be what another host will ask for: it is not touched. */
	if (journal_read(&before, offer->job, JOURNAL_DESTINATION) != -ENOENT) {
		journal_unlock(offer->job, JOURNAL_DESTINATION, lock);
		return fail(EEXIST, "job %s was here before", offer->job);
	}
	t->status->lock = lock;
	*journal = (struct journal){ .role = JOURNAL_DESTINATION, .is_from_here = t->itself };
	snprintf(journal->job, sizeof(journal->job), "%s", offer->job);
	snprintf(journal->uuid, sizeof(journal->uuid), "%s", offer->uuid);
	snprintf(journal->domain, sizeof(journal->domain), "%s", offer->domain);
	snprintf(journal->peer, sizeof(journal->peer), "%s", t->line.peer);
	return destination_session_note(t, JOURNAL_BUILDING);
}

int take_offer(struct destination_session *t, const struct message *message)
{
	struct message policy = { 0 };
	int rc = heard_offer(&t->line, message, &t->status->offer);

	if (!rc)
		rc = message_wait(&t->line, &policy, "POLICY", t->line.handshake_ms);
	if (!rc && policy.type != MESSAGE_POLICY)
		rc = fail(EPROTO, "%s sends %s instead of POLICY", t->line.peer, message_name(policy.type));
	if (!rc)
		rc = journal_lock_name(t->status->offer.domain, &t->name_lock);
	if (!rc)
		rc = journal_lock_uuid(t->status->offer.uuid, &t->uuid_lock);
	if (!rc)
		rc = check_host(t, &policy);
	return rc ? rc : begin_journal(t);
}
