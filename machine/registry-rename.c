/* Another name, for xenstore and for libxl. Apart from registry.c: libxl's file has to be parsed for that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/config.h"
#include "machine/registry.h"

int registry_rename(struct domain *domain, const char *name)
{
	struct host *host = domain_host(domain);
	uint32_t id = domain_id(domain);
	struct store_node nodes[2] = { { .access = STORE_GUEST_READS, .guest = id, .value = (char *)name } };
	char *vm = store_read(host, "/local/domain/%u/vm", id);
	size_t count = 1;
	int rc;

	snprintf(nodes[0].path, sizeof(nodes[0].path), "/local/domain/%u/name", id);
	if (vm && !strncmp(vm, "/vm/", 4) && store_exists(host, "%s/name", vm)) {
		nodes[count] = nodes[0];
		snprintf(nodes[count++].path, sizeof(nodes[0].path), "%s/name", vm);
	}
	free(vm);
	rc = store_write(host, NULL, 0, nodes, count);
	return rc ? rc : config_rename(id, name);
}
