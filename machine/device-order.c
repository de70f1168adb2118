/*
 * See device-order.h. Each device has a verdict, and the worst one is the guest's: libxl makes all devices of a domain at once.
 *
 *	early is safe           a block device that blkback serves, whose requests pass by the page cache; what the guest only
 *	                        reads; networks on a bridge, where an interface without a guest sends nothing
 *	not known               scripts that are not Xen's, disks of other backends or of driver domains: only --devices early
 *	early does damage       qemu reads the tables of a writable image when it starts, and loop devices fill the page cache:
 *	                        both would be out of date. DRBD has one primary. vif-route and vif-nat send the guest's packets
 *	                        there as soon as they have run.
 */
#include "machine/device-order.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "machine/config.h"
#include "machine/disk-identity.h"
#include "stream/body.h"

enum verdict { SAFE, UNKNOWN, UNSAFE };

struct judgement {
	enum verdict verdict;
	char reason[sizeof(((struct device_order *)0)->reason)];
	device_stat *look;
};

/* The first of the worst is the reason. */
static void worsen(struct judgement *all, enum verdict verdict, const char *kind, const char *name,
		   const char *what)
{
	if (verdict <= all->verdict)
		return;
	all->verdict = verdict;
	snprintf(all->reason, sizeof(all->reason), "the %s %s %s", kind, name, what);
}

/* Without its directory; otherwise if the config leaves it to libxl. */
static const char *script_of(const struct json_object *device, const char *otherwise)
{
	const char *script = body_text(device, "script"), *base;

	if (!script || !*script)
		return otherwise;
	base = strrchr(script, '/');
	return base ? base + 1 : script;
}

static bool is_of_domain_0(const struct json_object *device)
{
	const char *name = body_text(device, "backend_domname");

	return !body_number(device, "backend_domid", 0) && (!name || !*name);
}

static bool backend_is(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

/* Of one that the guest may write to, that Xen's own script and blkback serve in domain 0. */
static void judge_block_device(struct judgement *all, const char *vdev, const char *path)
{
	struct stat facts;

	if (all->look(path, &facts))
		worsen(all, UNKNOWN, "disk", vdev, "cannot be looked at");
	else if (disk_is_cached("/sys", &facts))
		worsen(all, UNSAFE, "disk", vdev,
		       "is a file, which the other host would have read into its cache too early");
	else if (!S_ISBLK(facts.st_mode))
		worsen(all, UNKNOWN, "disk", vdev, "is not a block device");
}

static void judge_disk(struct judgement *all, const struct json_object *disk)
{
	const char *vdev = body_text(disk, "vdev"), *path = body_text(disk, "pdev_path"),
		   *backend = body_text(disk, "backend"), *script = script_of(disk, "block");

	vdev = vdev ? vdev : "";
	if (!strcmp(script, "block-drbd"))
		worsen(all, UNSAFE, "disk", vdev, "is DRBD's, which one host at a time may have");
	else if (strcmp(script, "block"))
		worsen(all, UNKNOWN, "disk", vdev, "has a script that pvferry does not know");
	else if (!body_number(disk, "readwrite", 0) || !path || !*path)
		return;
	else if (backend_is(backend, "qdisk"))
		worsen(all, UNSAFE, "disk", vdev,
		       "is qemu's, which would read its image before the guest has written it");
	else if (!is_of_domain_0(disk))
		worsen(all, UNKNOWN, "disk", vdev, "is a driver domain's");
	else if (!backend_is(backend, "phy"))
		worsen(all, UNKNOWN, "disk", vdev, "has a backend that pvferry does not know");
	else
		judge_block_device(all, vdev, path);
}

static void judge_nic(struct judgement *all, const struct json_object *nic, size_t number)
{
	const char *script = script_of(nic, "vif-bridge");
	char name[24];

	snprintf(name, sizeof(name), "%zu", number);
	if (!strcmp(script, "vif-route") || !strcmp(script, "vif-nat"))
		worsen(all, UNSAFE, "network", name,
		       "is routed: the other host would take the guest's packets at once");
	else if (strcmp(script, "vif-bridge") && strcmp(script, "vif-openvswitch"))
		worsen(all, UNKNOWN, "network", name, "has a script that pvferry does not know");
}

static size_t count_of(const struct config *config, const char *kind, struct json_object **list)
{
	if (!json_object_object_get_ex(config->root, kind, list) ||
	    !json_object_is_type(*list, json_type_array))
		return 0;
	return json_object_array_length(*list);
}

/* What is neither (vfb, channels, ...) has nothing outside of the guest that two could use at once. */
static void devices_judge(struct judgement *all, const struct config *config)
{
	struct json_object *list;
	size_t count = count_of(config, "disks", &list);

	for (size_t i = 0; i < count; i++)
		judge_disk(all, json_object_array_get_idx(list, i));
	count = count_of(config, "nics", &list);
	for (size_t i = 0; i < count; i++)
		judge_nic(all, json_object_array_get_idx(list, i), i);
}

int device_order_choose(struct device_order *order, enum device_wish wish, const struct config *config,
			device_stat *look)
{
	struct judgement all = { .reason = "no device reads or answers before the guest is there",
				 .look = look };

	devices_judge(&all, config);
	*order = (struct device_order){ .is_early = wish == DEVICES_EARLY ||
						    (wish == DEVICES_AUTO && all.verdict == SAFE) };
	if (wish == DEVICES_EARLY && all.verdict == UNSAFE)
		return fail(EOPNOTSUPP, "--devices early does not go: %s; --devices late does", all.reason);
	snprintf(order->reason, sizeof(order->reason), "%s",
		 wish == DEVICES_AUTO ? all.reason : "as ordered");
	return 0;
}
