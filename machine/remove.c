/* domain_remove() of devices.h. */
#include <stdlib.h>

#include "log.h"
#include "machine/devices.h"
#include "machine/registry.h"
#include "machine/toolstack.h"

/* libxl says that all is well even when a script or a backend did not end within its limits. */
static void say_left(struct host *host, uint32_t id)
{
	unsigned int count;
	char **classes = store_list(host, &count, "/local/domain/0/backend");

	for (unsigned int i = 0; i < count; i++)
		if (store_exists(host, "/local/domain/0/backend/%s/%u", classes[i], id))
			say(SAY_WARNING,
			    "domain %u is destroyed, but libxl has left its %s backend: "
			    "/var/log/xen/pvferry-toolstack.log says why",
			    id, classes[i]);
	free(classes);
}

static int remove_by_libxl(struct domain *domain, struct host *host, uint32_t id)
{
	int rc = toolstack_destroy(id);

	if (!rc) {
		say_left(host, id);
		return 0;
	}
	/* What serves the devices may stay, but never a guest that was to go. */
	say(SAY_WARNING, "domain %u: what served its devices stays, the domain itself is destroyed now: %s",
	    id, fail_reason());
	fail_forget();
	return domain_demolish(domain);
}

int domain_remove(struct domain *domain)
{
	struct host *host = domain_host(domain);
	uint32_t id = domain_id(domain);

	return devices_exist(host, id) ? remove_by_libxl(domain, host, id) : domain_demolish(domain);
}
