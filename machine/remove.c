/* domain_remove() of devices.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/devices.h"
#include "machine/registry.h"
#include "machine/toolstack.h"

/* libxl's entry of a machine, which all domains of one UUID share: few nodes, not deep. */
enum { NODES_MOST = 64 };

struct shared_entry {
	struct store_node nodes[NODES_MOST];
	size_t count;
	uint32_t sharer; /* another domain of the same UUID; 0: no other has it */
};

static void take_nodes(struct host *host, struct shared_entry *entry, const char *path)
{
	struct store_node *node;
	unsigned int count;
	char **names;

	if (entry->count == NODES_MOST || strlen(path) >= sizeof(node->path))
		return;
	node = &entry->nodes[entry->count];
	node->value = store_read(host, "%s", path);
	if (!node->value)
		return;
	snprintf(node->path, sizeof(node->path), "%s", path);
	node->access = STORE_GUEST_READS;
	node->guest = entry->sharer;
	entry->count++;
	names = store_list(host, &count, "%s", path);
	for (unsigned int i = 0; i < count; i++) {
		char below[sizeof(node->path)];

		snprintf(below, sizeof(below), "%.200s/%.50s", path, names[i]);
		take_nodes(host, entry, below);
	}
	free(names);
}

/* While a guest moves from a host to the same host. */
static uint32_t find_sharer(struct host *host, const char *vm, uint32_t but)
{
	uint32_t *ids, found = 0;
	size_t count;

	if (domain_list(host, &ids, &count))
		return 0;
	for (size_t i = 0; i < count && !found; i++) {
		char *has = ids[i] == but ? NULL : store_read(host, "/local/domain/%u/vm", ids[i]);

		found = has && !strcmp(has, vm) ? ids[i] : 0;
		free(has);
	}
	free(ids);
	return found;
}

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

/* libxl removes the entry of the machine even if another domain has it. */
static int remove_by_libxl(struct domain *domain, struct host *host, uint32_t id)
{
	static struct shared_entry entry;
	char *vm = store_read(host, "/local/domain/%u/vm", id);
	int rc;

	entry = (struct shared_entry){ .sharer = vm ? find_sharer(host, vm, id) : 0 };
	if (entry.sharer)
		take_nodes(host, &entry, vm);
	rc = toolstack_destroy(id);
	/* What serves the devices may stay, but never a guest that was to go. */
	if (rc) {
		say(SAY_WARNING,
		    "domain %u: what served its devices stays, the domain itself is destroyed now: %s", id,
		    fail_reason());
		fail_forget();
		rc = domain_demolish(domain);
	} else {
		say_left(host, id);
	}
	if (entry.count && store_write(host, NULL, 0, entry.nodes, entry.count))
		say(SAY_WARNING, "domain %u: %s could not be entered again", entry.sharer, vm);
	for (size_t i = 0; i < entry.count; i++)
		free(entry.nodes[i].value);
	free(vm);
	return rc;
}

int domain_remove(struct domain *domain)
{
	struct host *host = domain_host(domain);
	uint32_t id = domain_id(domain);

	return devices_exist(host, id) ? remove_by_libxl(domain, host, id) : domain_demolish(domain);
}
