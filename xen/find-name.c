/* A domain by its name, which only xenstore knows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen/domain.h"

int domain_find_name(struct host *host, const char *name, uint32_t *id)
{
	uint32_t *ids;
	size_t count;
	int rc = domain_list(host, &ids, &count);
	bool found = false;

	for (size_t i = 0; !rc && !found && i < count; i++) {
		char *has = store_read(host, "/local/domain/%u/name", ids[i]);

		found = has && !strcmp(has, name);
		*id = ids[i];
		free(has);
	}
	free(rc ? NULL : ids);
	return rc ? rc : found ? 0 : -ESRCH;
}
