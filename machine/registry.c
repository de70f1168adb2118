/* See registry.h. The nodes are those that libxl makes; the guest's own are left to the guest. */
#include "machine/registry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "log.h"

struct nodes {
	struct bytes list; /* of struct store_node */
	uint32_t guest;
	char base[64]; /* what paths without a leading slash are below */
};

static void add(struct nodes *nodes, enum store_access access, const char *path, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void add(struct nodes *nodes, enum store_access access, const char *path, const char *format, ...)
{
	struct store_node *node = bytes_grow(&nodes->list, sizeof(*node));
	va_list args;

	if (!node)
		return;
	snprintf(node->path, sizeof(node->path), "%s%s%s", *path == '/' ? "" : nodes->base,
		 *path && *path != '/' ? "/" : "", path);
	va_start(args, format);
	vsnprintf(node->value, sizeof(node->value), format, args);
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
	add(nodes, READS, "", "%s", "");
	add(nodes, READS, "name", "%s", config_name(config));
	add(nodes, READS, "uuid", "%s", uuid);
	add(nodes, READS, "start_time", "%lu.%02lu", (unsigned long)now.tv_sec,
	    (unsigned long)now.tv_usec / 10000);
	add(nodes, READS, "image", "%s", "");
	add(nodes, READS, "image/ostype", "linux");
	for (unsigned int i = 0; i < sizeof(image) / sizeof(*image); i++) {
		const char *value = config_string(config, "b_info", image[i]);
		char path[32];

		snprintf(path, sizeof(path), "image/%s", image[i]);
		if (value)
			add(nodes, READS, path, "%s", value);
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
	add(nodes, READS, "", "%s", "");
	add(nodes, READS, "vm", "/vm/%s", uuid);
	add(nodes, READS, "name", "%s", config_name(config));
	add(nodes, READS, "domid", "%u", nodes->guest);
	for (unsigned int i = 0; i < sizeof(read) / sizeof(*read); i++)
		add(nodes, READS, read[i], "%s", "");
	for (unsigned int i = 0; i < sizeof(owned) / sizeof(*owned); i++)
		add(nodes, OWNS, owned[i], "%s", "");
	add(nodes, READS, "control/platform-feature-multiprocessor-suspend", "1");
	add(nodes, READS, "control/platform-feature-xs_reset_watches", "1");
	add(nodes, READS, "memory/static-max", "%ld", config_number(config, "b_info", "max_memkb", 0));
	add(nodes, READS, "memory/target", "%ld", config_number(config, "b_info", "target_memkb", 0));
	add(nodes, READS, "memory/videoram", "0");
	for (int i = 0; i < config_number(config, "b_info", "max_vcpus", 1); i++) {
		char path[64];

		snprintf(path, sizeof(path), "cpu/%d", i);
		add(nodes, READS, path, "%s", "");
		snprintf(path, sizeof(path), "cpu/%d/availability", i);
		add(nodes, READS, path, "%s", config_vcpu_available(config, i) ? "online" : "offline");
	}
}

static void add_connections(struct nodes *nodes, const struct connections *connections)
{
	add(nodes, READS, "store/port", "%u", connections->store_port);
	add(nodes, READS, "console/backend", "/local/domain/0/backend/console/%u/0", nodes->guest);
	add(nodes, STORE_GUEST_OWNS_0_READS, "console/backend-id", "0");
	add(nodes, READS, "console/limit", "1048576");
	add(nodes, READS, "console/type", "xenconsoled");
	add(nodes, READS, "console/output", "pty");
	add(nodes, READS, "console/tty", "%s", "");
	add(nodes, READS, "console/port", "%u", connections->console_port);
}

/* The same five facts stand on the backend's side and in libxl's own list. */
static void add_console_device(struct nodes *nodes, enum store_access access)
{
	add(nodes, access, "", "%s", "");
	add(nodes, access, "frontend", "/local/domain/%u/console", nodes->guest);
	add(nodes, access, "frontend-id", "%u", nodes->guest);
	add(nodes, access, "online", "1");
	add(nodes, access, "state", "1");
	add(nodes, access, "protocol", "vt100");
}

static void add_libxl(struct nodes *nodes)
{
	snprintf(nodes->base, sizeof(nodes->base), "/libxl/%u", nodes->guest);
	add(nodes, STORE_NONE, "", "%s", "");
	add(nodes, STORE_NONE, "device", "%s", "");
	add(nodes, STORE_NONE, "type", "pv");
	add(nodes, STORE_NONE, "dm-version", "qemu_xen");
	snprintf(nodes->base, sizeof(nodes->base), "/libxl/%u/device/console/0", nodes->guest);
	add_console_device(nodes, STORE_NONE);
	add(nodes, STORE_NONE, "backend", "/local/domain/0/backend/console/%u/0", nodes->guest);
	snprintf(nodes->base, sizeof(nodes->base), "/local/domain/0/backend/console/%u/0", nodes->guest);
	add_console_device(nodes, READS);
}

static int write_nodes(struct host *host, struct nodes *nodes, const char *uuid)
{
	char paths[4][64];
	const char *removals[4];
	int rc = bytes_check(&nodes->list);

	snprintf(paths[0], sizeof(paths[0]), "/local/domain/%u", nodes->guest);
	snprintf(paths[1], sizeof(paths[1]), "/libxl/%u", nodes->guest);
	snprintf(paths[2], sizeof(paths[2]), "/local/domain/0/backend/console/%u", nodes->guest);
	snprintf(paths[3], sizeof(paths[3]), "/vm/%s", uuid);
	for (int i = 0; i < 4; i++)
		removals[i] = paths[i];
	if (!rc)
		rc = store_write(host, removals, 4, (const struct store_node *)nodes->list.at,
				 nodes->list.count / sizeof(struct store_node));
	bytes_release(&nodes->list);
	return rc;
}

int registry_enter(struct domain *domain, const struct config *config, const struct connections *connections)
{
	struct nodes nodes = { .guest = domain_id(domain) };
	uint8_t bytes[16] = { 0 };
	char uuid[37];
	int rc;

	config_uuid(config, bytes);
	uuid_format(bytes, uuid);
	add_vm(&nodes, config, uuid);
	add_domain(&nodes, config, uuid);
	add_connections(&nodes, connections);
	add_libxl(&nodes);
	rc = write_nodes(domain_host(domain), &nodes, uuid);
	return rc ? rc : config_keep(config, nodes.guest);
}

int registry_connect(struct domain *domain, const struct connections *connections)
{
	struct nodes nodes = { .guest = domain_id(domain) };
	int rc;

	snprintf(nodes.base, sizeof(nodes.base), "/local/domain/%u", nodes.guest);
	add(&nodes, READS, "store/ring-ref", "%lu", connections->store.n);
	add(&nodes, READS, "console/ring-ref", "%lu", connections->console.n);
	rc = bytes_check(&nodes.list);
	if (!rc)
		rc = store_write(domain_host(domain), NULL, 0, (const struct store_node *)nodes.list.at,
				 nodes.list.count / sizeof(struct store_node));
	bytes_release(&nodes.list);
	return rc ? rc : store_introduce(domain, connections->store, connections->store_port);
}

int domain_demolish(struct domain *domain)
{
	struct host *host = domain_host(domain);
	uint32_t id = domain_id(domain);
	char *vm = store_read(host, "/local/domain/%u/vm", id);
	int rc = domain_destroy(domain), each;

	if (rc)
		return rc;
	store_release(domain);
	each = store_remove(host, "/local/domain/0/backend/console/%u", id);
	rc = rc ? rc : each;
	each = store_remove(host, "/local/domain/%u", id);
	rc = rc ? rc : each;
	each = store_remove(host, "/libxl/%u", id);
	rc = rc ? rc : each;
	if (vm && !strncmp(vm, "/vm/", 4)) {
		each = store_remove(host, "%s", vm);
		rc = rc ? rc : each;
	}
	free(vm);
	config_forget(id);
	return rc;
}
