/* What a process that is left does for a guest that another one has stopped, see sender.h. */
#include <errno.h>

#include "migrate/sender.h"

/* -EINPROGRESS: it may suspend yet. */
static int let_go_on(struct domain *domain, const struct sent *sent)
{
	struct domain_facts facts;
	int rc;

	if (!sent->is_suspended)
		return domain_withdraw(domain);
	rc = domain_facts(domain, &facts);
	if (rc || facts.is_dying)
		return rc ? rc : -ESRCH;
	/* Another process may have been quicker. */
	return facts.is_shut_down && facts.shutdown_reason == SHUTDOWN_REASON_SUSPEND ? domain_resume(domain)
										      : 0;
}

void sender_let_go_on(uint32_t id, struct sent *sent)
{
	struct domain *domain = NULL;
	struct host *host;
	int rc;

	if (!sent->is_asked || host_open(&host))
		return;
	rc = domain_open(&domain, host, id);
	if (!rc)
		rc = let_go_on(domain, sent);
	if (!rc || rc == -ESRCH || rc == -ESHUTDOWN) {
		sent->is_suspended = sent->is_asked = false;
		sent->has_ended |= rc != 0;
	}
	domain_close(domain);
	host_close(host);
}
