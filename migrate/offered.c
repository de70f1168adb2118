/* What the other host is to know of the guest before anything is done, see mover.h. */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "migrate/mover.h"

/* The other host would refuse it, too. */
static int check_name(const char *name)
{
	const char *defect = domain_name_defect(name);

	return defect ? fail(EINVAL,
			     "the domain cannot move with its name \"%s\": %s; --name gives it another one "
			     "there",
			     name, defect)
		      : 0;
}

/* The connection to Xen must not outlive this: the sender has its own. */
int mover_fetch_offer(struct mover *m)
{
	struct offer *offer = &m->move->offer;
	struct domain *domain = NULL;
	char name[sizeof(offer->domain)];
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	memcpy(name, offer->domain, sizeof(name));
	rc = domain_open(&domain, host, m->move->domain);
	if (!rc)
		rc = offer_fetch(offer, domain, m->move->options.config, &m->policy);
	if (!rc)
		rc = bytes_check(&m->policy);
	if (!rc)
		memcpy(m->status->journal.domain, offer->domain, sizeof(offer->domain));
	if (*name)
		memcpy(offer->domain, name, sizeof(name));
	if (!rc)
		rc = check_name(offer->domain);
	memcpy(m->status->journal.uuid, offer->uuid, sizeof(offer->uuid));
	domain_close(domain);
	host_close(host);
	return rc;
}
