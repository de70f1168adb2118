/* See fate.h. */
#include "cli/fate.h"

#include "machine/devices.h"
#include "xen/domain.h"

/* What is to become of the guest, which waits suspended. */
static int settle(uint32_t id, enum fate fate)
{
	struct domain *domain = NULL;
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = domain_open(&domain, host, id);
	if (!rc && fate == DESTROY)
		rc = domain_remove(domain);
	if (!rc && fate == STAY_PAUSED)
		rc = domain_pause(domain);
	if (!rc && fate != DESTROY)
		rc = domain_resume(domain);
	domain_close(domain);
	host_close(host);
	return rc;
}

/* A guest that waits must not be left waiting for one call that failed. */
int fate_settle(uint32_t id, enum fate fate)
{
	return settle(id, fate) ? settle(id, fate) : 0;
}
