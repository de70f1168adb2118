/* See registry.h. The nodes are those that libxl makes; the guest's own are left to the guest. */
#include "machine/registry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "log.h"
#include "text/text.h"

struct nodes {
	struct bytes list; /* of struct store_node */
	uint32_t guest;
	char base[64]; /* what paths without a leading slash are below */
};

static void nodes_add(struct nodes *nodes, enum store_access access, const char *path, const char *format,
		      ...) __attribute__((format(printf, 4, 5)));

static void nodes_add(struct nodes *nodes, enum store_access access, const char *path, const char *format,
		      ...)
{
	struct store_node *node = bytes_grow(&nodes->list, sizeof(*node));
	va_list args;

	if (!node)
		return;
	snprintf(node->path, sizeof(node->path), "%s%s%s", *path == '/' ? "" : nodes->base,
		 *path && *path != '/' ? "/" : "", path);
	va_start(args, format);
	if (vasprintf(&node->value, format, args) < 0) {
		node->value = NULL;
		nodes->list.no_memory = true;
	}
	va_end(args);
	node->access = access;
	node->guest = nodes->guest;
}

static const enum store_access READS = STORE_GUEST_READS, OWNS = STORE_GUEST_OWNS;

static void add_vm(struct nodes *nodes, const struct config *config, const char *uuid)
{
	static const char *const image[] = { "kernel", "ramdisk", "cmdline" };
	char base[64];
	struct timeval now;

	snprintf(base, sizeof(base), "/vm/%s", uuid);
	memcpy(nodes->base, base, sizeof(base));
	gettimeofday(&now, NULL);
	nodes_add(nodes, READS, "", "%s", "");
	nodes_add(nodes, READS, "name", "%s", config_name(config));
	nodes_add(nodes, READS, "uuid", "%s", uuid);
	nodes_add(nodes, READS, "start_time", "%lu.%02lu", (unsigned long)now.tv_sec,
		  (unsigned long)now.tv_usec / 10000);
	nodes_add(nodes, READS, "image", "%s", "");
	nodes_add(nodes, READS, "image/ostype", "linux");
	for (unsigned int i = 0; i < sizeof(image) / sizeof(*image); i++) {
		const char *value = config_string(config, "b_info", image[i]);
		char path[32];

		snprintf(path, sizeof(path), "image/%s", image[i]);
		if (value)
			nodes_add(nodes, READS, path, "%s", value);
	}
}

static void add_vcpus(struct nodes *nodes, const struct config *config)
{
	unsigned int vcpus = config_number(config, "b_info", "max_vcpus", 1);
	bool available[VCPU_MAX];

	vcpus = vcpus < VCPU_MAX ? vcpus : VCPU_MAX;
	config_vcpus_available(config, available, vcpus);
	for (unsigned int i = 0; i < vcpus; i++) {
		char path[64];

		snprintf(path, sizeof(path), "cpu/%u", i);
		nodes_add(nodes, READS, path, "%s", "");
		snprintf(path, sizeof(path), "cpu/%u/availability", i);
		nodes_add(nodes, READS, path, "%s", available[i] ? "online" : "offline");
	}
}

static void add_domain(struct nodes *nodes, const struct config *config, const char *uuid)
{
	static const char *const owned[] = {
		"device/suspend/event-channel",
		"control/shutdown",
		"control/feature-poweroff",
		"control/feature-reboot",
		"control/feature-suspend",
		"control/sysrq",
		"data",
		"drivers",
		"feature",
		"attr",
		"error",
	};
	static const char *const read[] = { "cpu",     "memory", "device", "device/suspend",
					    "control", "store",	 "console" };

	snprintf(nodes->base, sizeof(nodes->base), "/local/domain/%u", nodes->guest);
	nodes_add(nodes, READS, "", "%s", "");
	nodes_add(nodes, READS, "vm", "/vm/%s", uuid);
	nodes_add(nodes, READS, "name", "%s", config_name(config));
	nodes_add(nodes, READS, "domid", "%u", nodes->guest);
	for (unsigned int i = 0; i < sizeof(read) / sizeof(*read); i++)
		nodes_add(nodes, READS, read[i], "%s", "");
	for (unsigned int i = 0; i < sizeof(owned) / sizeof(*owned); i++)
		nodes_add(nodes, OWNS, owned[i], "%s", "");
	nodes_add(nodes, READS, "control/platform-feature-multiprocessor-suspend", "1");
	nodes_add(nodes, READS, "control/platform-feature-xs_reset_watches", "1");
	nodes_add(nodes, READS, "memory/static-max", "%ld", config_number(config, "b_info", "max_memkb", 0));
	nodes_add(nodes, READS, "memory/target", "%ld", config_number(config, "b_info", "target_memkb", 0));
	nodes_add(nodes, READS, "memory/videoram", "0");
	add_vcpus(nodes, config);
}

static void add_connections(struct nodes *nodes, const struct connections *connections)
{
	nodes_add(nodes, READS, "store/port", "%u", connections->store_port);
	nodes_add(nodes, READS, "console/backend", "/local/domain/0/backend/console/%u/0", nodes->guest);
	nodes_add(nodes, STORE_GUEST_OWNS_0_READS, "console/backend-id", "0");
	nodes_add(nodes, READS, "console/limit", "1048576");
	nodes_add(nodes, READS, "console/type", "xenconsoled");
	nodes_add(nodes, READS, "console/output", "pty");
	nodes_add(nodes, READS, "console/tty", "%s", "");
	nodes_add(nodes, READS, "console/port", "%u", connections->console_port);
}

/* The same five facts stand on the backend's side and in libxl's own list. */
static void add_console_device(struct nodes *nodes, enum store_access access)
{
	nodes_add(nodes, access, "", "%s", "");
	nodes_add(nodes, access, "frontend", "/local/domain/%u/console", nodes->guest);
	nodes_add(nodes, access, "frontend-id", "%u", nodes->guest);
	nodes_add(nodes, access, "online", "1");
	nodes_add(nodes, access, "state", "1");
	nodes_add(nodes, access, "protocol", "vt100");
}

static void add_libxl(struct nodes *nodes)
{
	snprintf(nodes->base, sizeof(nodes->base), "/libxl/%u", nodes->guest);
	nodes_add(nodes, STORE_NONE, "", "%s", "");
	nodes_add(nodes, STORE_NONE, "device", "%s", "");
	nodes_add(nodes, STORE_NONE, "type", "pv");
	nodes_add(nodes, STORE_NONE, "dm-version", "qemu_xen");
	nodes_add(nodes, STORE_NONE, "pvferry", "image"); /* machine/watch.c */
	snprintf(nodes->base, sizeof(nodes->base), "/libxl/%u/device/console/0", nodes->guest);
	add_console_device(nodes, STORE_NONE);
	nodes_add(nodes, STORE_NONE, "backend", "/local/domain/0/backend/console/%u/0", nodes->guest);
	snprintf(nodes->base, sizeof(nodes->base), "/local/domain/0/backend/console/%u/0", nodes->guest);
	add_console_device(nodes, READS);
}

/* Does a domain other than this one say that it is the machine at this path? */
static bool is_shared(struct host *host, const char *vm, uint32_t but)
{
	uint32_t *ids;
	size_t count;
	bool found = false;

	if (domain_list(host, &ids, &count))
		return true; /* better too much left than too little */
	for (size_t i = 0; i < count && !found; i++) {
		char *has = ids[i] == but ? NULL : store_read(host, "/local/domain/%u/vm", ids[i]);

		found = has && !strcmp(has, vm);
		free(has);
	}
	free(ids);
	return found;
}

/* All or none, in place of what is below the removals; the list is empty then. */
static int put_nodes(struct host *host, struct nodes *nodes, const char *const *removals, size_t count)
{
	struct store_node *list = (struct store_node *)nodes->list.at;
	size_t list_count = nodes->list.count / sizeof(*list);
	int rc = bytes_check(&nodes->list);

	if (!rc)
		rc = store_write(host, removals, count, list, list_count);
	for (size_t i = 0; i < list_count; i++)
		free(list[i].value);
	bytes_release(&nodes->list);
	return rc;
}

static int write_nodes(struct host *host, struct nodes *nodes, const char *vm)
{
	char paths[3][64];
	const char *removals[4];

	snprintf(paths[0], sizeof(paths[0]), "/local/domain/%u", nodes->guest);
	snprintf(paths[1], sizeof(paths[1]), "/libxl/%u", nodes->guest);
	snprintf(paths[2], sizeof(paths[2]), "/local/domain/0/backend/console/%u", nodes->guest);
	for (int i = 0; i < 3; i++)
		removals[i] = paths[i];
	removals[3] = vm;
	return put_nodes(host, nodes, removals, vm ? 4 : 3);
}

int registry_enter(struct domain *domain, const struct config *config, const struct connections *connections)
{
	struct nodes nodes = { .guest = domain_id(domain) };
	struct host *host = domain_host(domain);
	uint8_t bytes[16] = { 0 };
	char uuid[37], vm[64];
	bool shared;
	int rc;

	config_uuid(config, bytes);
	uuid_format(bytes, uuid);
	snprintf(vm, sizeof(vm), "/vm/%s", uuid);
	shared = is_shared(host, vm, nodes.guest);
	if (!shared)
		add_vm(&nodes, config, uuid);
	add_domain(&nodes, config, uuid);
	add_connections(&nodes, connections);
	add_libxl(&nodes);
	rc = write_nodes(host, &nodes, shared ? NULL : vm);
	return rc ? rc : config_keep(config, nodes.guest);
}

int registry_connect(struct domain *domain, const struct connections *connections)
{
	struct nodes nodes = { .guest = domain_id(domain) };
	int rc;

	snprintf(nodes.base, sizeof(nodes.base), "/local/domain/%u", nodes.guest);
	nodes_add(&nodes, READS, "store/ring-ref", "%lu", connections->store.n);
	nodes_add(&nodes, READS, "console/ring-ref", "%lu", connections->console.n);
	rc = put_nodes(domain_host(domain), &nodes, NULL, 0);
	return rc ? rc : store_introduce(domain, connections->store, connections->store_port);
}

static char *vm_of(struct host *host, uint32_t id)
{
	char *vm = store_read(host, "/local/domain/%u/vm", id);

	if (vm && !strncmp(vm, "/vm/", 4))
		return vm;
	free(vm);
	return NULL;
}

/*
 * All that stands of a domain that is gone. Its node, which has the name by
 * which registry_sweep() finds the rest, goes last: this process may be killed
 * at any place.
 */
static int forget(struct host *host, uint32_t id)
{
	char *vm = vm_of(host, id);
	int rc, each;

	config_forget(id);
	rc = store_remove(host, "/local/domain/0/backend/console/%u", id);
	each = store_remove(host, "/libxl/%u", id);
	rc = rc ? rc : each;
	if (vm && !is_shared(host, vm, id)) {
		each = store_remove(host, "%s", vm);
		rc = rc ? rc : each;
	}
	free(vm);
	each = store_remove(host, "/local/domain/%u", id);
	return rc ? rc : each;
}

int domain_demolish(struct domain *domain)
{
	int rc = domain_destroy(domain);

	if (rc)
		return rc;
	store_release(domain);
	return forget(domain_host(domain), domain_id(domain));
}

static bool is_named(struct host *host, uint32_t id, const char *name)
{
	char *has = store_read(host, "/local/domain/%u/name", id);
	bool is = has && !strcmp(has, name);

	free(has);
	return is;
}

int registry_sweep(struct host *host, const char *name)
{
	unsigned int count;
	char **ids = store_list(host, &count, "/local/domain");
	int rc = 0;

	for (unsigned int i = 0; !rc && i < count; i++) {
		struct domain *domain;
		uint64_t id;

		if (!text_number(ids[i], UINT16_MAX, &id) || !id || !is_named(host, id, name))
			continue;
		if (domain_open(&domain, host, id)) {
			fail_forget();
			rc = forget(host, id);
		} else {
			domain_close(domain);
		}
	}
	free(ids);
	return rc;
}
