/* See fate.h. */
#include "cli/fate.h"

#include "log.h"
#include "machine/config.h"
#include "machine/devices.h"
#include "xen/domain.h"

/* What is to become of the guest, which waits suspended. */
static int fate_apply(uint32_t id, enum fate fate)
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
	return fate_apply(id, fate) ? fate_apply(id, fate) : 0;
}

/* The classic way to lose a guest's file systems: memory that knows the disks as they were. */
void fate_warn(enum fate fate, const char *config, const char *name, const char *path)
{
	if (fate != DESTROY && config && config_writes_disks(config))
		say(SAY_WARNING,
		    "%s has disks that it may write to: restore %s only with the disks as they were at this "
		    "moment",
		    name, path);
}
