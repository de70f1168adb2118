/*
 * See preflight-devices.h. Sizes come from /sys: pvferryd's sandbox lets its jobs open no disks. What cannot be found out
 * there is libxl's to find, when it makes the devices.
 */
#include "restore/preflight-devices.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "log.h"
#include "machine/disk-identity.h"
#include "stream/body.h"
#include "text/allow.h"

static int check_name(const char *what, const char *whose, const char *name, const char *allowed)
{
	if (!*name || !allowed || allow_device(allowed, name))
		return 0;
	return fail(EPERM,
		    "the %s %s is on \"%s\", which arriving guests may not have here: allow-devices in "
		    "pvferryd.conf, or receive --allow-device",
		    what, whose, name);
}

/* 0 if there is no such number. */
static uint64_t read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long number = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lu", &number) != 1)
		number = 0;
	fclose(file);
	return number;
}

/* A partition's sectors are those of its disk, one folder above. */
static uint64_t block_number(dev_t device, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(device), minor(device), name);
	return read_number(path);
}

static int compare_size(const struct offer_disk *disk, uint64_t bytes, uint64_t sector_bytes)
{
	if (disk->bytes && bytes && bytes != disk->bytes)
		return fail(EINVAL,
			    "the disk %s is another one here: %s has %lu bytes, the guest's has %lu "
			    "(--force continues anyway)",
			    disk->vdev, disk->target, bytes, disk->bytes);
	if (disk->sector_bytes && sector_bytes && sector_bytes != disk->sector_bytes)
		return fail(EINVAL,
			    "the disk %s is another one here: %s has sectors of %lu bytes, the guest's has "
			    "sectors of %u (--force continues anyway)",
			    disk->vdev, disk->target, sector_bytes, disk->sector_bytes);
	return 0;
}

int preflight_identity(const struct offer_disk *disk, const char *here)
{
	return disk_identity_differs(disk->identity, here)
		     ? fail(EINVAL,
			    "the disk %s is another one here: %s is %s, the guest's is %s (--force continues "
			    "anyway)",
			    disk->vdev, disk->target, here, disk->identity)
		     : 0;
}

static int check_block_device(const struct offer_disk *disk, dev_t device)
{
	uint64_t sector = block_number(device, "queue/logical_block_size");
	char here[sizeof(disk->identity)];

	disk_identity("/sys", device, here, sizeof(here));
	if (preflight_identity(disk, here))
		return -EINVAL;
	if (!sector)
		sector = block_number(device, "../queue/logical_block_size");
	if (disk->writable && block_number(device, "ro"))
		return fail(EROFS, "the disk %s: %s can only be read here (--force continues anyway)",
			    disk->vdev, disk->target);
	return compare_size(disk, block_number(device, "size") * 512, sector);
}

static int check_disk(const struct offer_disk *disk)
{
	struct stat facts;

	if (!disk->is_path)
		return 0;
	if (stat(disk->target, &facts))
		return errno == ENOENT || errno == ENOTDIR
			     ? fail(ENOENT, "the disk %s is on %s, which is not here", disk->vdev,
				    disk->target)
			     : 0;
	if (S_ISBLK(facts.st_mode))
		return check_block_device(disk, facts.st_rdev);
	return S_ISREG(facts.st_mode) ? compare_size(disk, facts.st_size / 512 * 512, 0) : 0;
}

/* Where /sys cannot be read the question has no answer. */
static int check_nic(const struct offer_nic *nic, unsigned int number, bool is_itself)
{
	char path[160];
	struct stat facts;

	if (is_itself && *nic->interface)
		return fail(EEXIST,
			    "the network %u: its interface is named %s in the config, and this host has one "
			    "of that name as long as the guest is here",
			    number, nic->interface);
	snprintf(path, sizeof(path), "/sys/class/net/%s/bridge", nic->bridge);
	if (!nic->is_bridge || strchr(nic->bridge, '/') || !stat(path, &facts) ||
	    stat("/sys/class/net", &facts))
		return 0;
	return fail(ENODEV, "the network %u is on the bridge %s, which is not here", number, nic->bridge);
}

int preflight_devices(const struct offer *offer, const char *allowed, bool is_itself)
{
	const struct offer_devices *devices = &offer->in_detail;
	char number[16];
	int rc = 0;

	if (offer->without_devices)
		return 0;
	for (uint32_t i = 0; !rc && i < devices->disk_count; i++)
		rc = check_name("disk", devices->disks[i].vdev, devices->disks[i].target, allowed);
	for (uint32_t i = 0; !rc && i < devices->nic_count; i++) {
		snprintf(number, sizeof(number), "%u", i);
		rc = check_name("network", number, devices->nics[i].bridge, allowed);
	}
	for (uint32_t i = 0; !rc && !offer->force && i < devices->disk_count; i++)
		rc = check_disk(&devices->disks[i]);
	for (uint32_t i = 0; !rc && i < devices->nic_count; i++)
		rc = check_nic(&devices->nics[i], i, is_itself);
	return rc;
}

/* The source has looked at scripts and backends, which are the same here. What a path names need not be. */
struct device_order preflight_order(const struct offer *offer, bool without_devices)
{
	struct device_order order = { .is_early = offer->early_devices && !without_devices };
	const struct offer_devices *devices = &offer->in_detail;
	struct stat facts;

	for (uint32_t i = 0; order.is_early && i < devices->disk_count; i++) {
		const struct offer_disk *disk = &devices->disks[i];

		if (!disk->writable || !disk->is_path || stat(disk->target, &facts) ||
		    !disk_is_cached("/sys", &facts))
			continue;
		order.is_early = false;
		snprintf(order.reason, sizeof(order.reason), "the disk %s is a file on the other host",
			 disk->vdev);
	}
	return order;
}

/* --- of the config ------------------------------------------------------------- */

/* The names in every device of that kind. */
static int check_names(const struct config *config, const char *kind, const char *key, const char *allowed)
{
	struct json_object *list = NULL;
	int rc = 0;

	json_object_object_get_ex(config->root, kind, &list);
	for (size_t i = 0; !rc && list && i < json_object_array_length(list); i++) {
		const struct json_object *device = json_object_array_get_idx(list, i);
		const char *name = body_text(device, key), *vdev = body_text(device, "vdev");
		char number[24];

		snprintf(number, sizeof(number), "%zu", i);
		rc = name ? check_name(vdev ? "disk" : "network", vdev ? vdev : number, name, allowed) : 0;
	}
	return rc;
}

/* libxl gives a network whose config names no bridge the bridge xenbr0; and a script may take any for an empty name. */
static int check_bridges(const struct config *config, const char *allowed)
{
	struct json_object *list = NULL;
	int rc = 0;

	json_object_object_get_ex(config->root, "nics", &list);
	for (size_t i = 0; !rc && list && i < json_object_array_length(list); i++) {
		const char *bridge = body_text(json_object_array_get_idx(list, i), "bridge");

		if (!allow_device(allowed, bridge ? bridge : "xenbr0"))
			rc = fail(EPERM,
				  "the network %zu is on \"%s\", which arriving guests may not have here: "
				  "allow-devices in pvferryd.conf, or receive --allow-device",
				  i, bridge ? bridge : "xenbr0");
	}
	return rc;
}

int preflight_device_names(const struct config *config, const char *allowed)
{
	int rc = allowed ? check_names(config, "disks", "pdev_path", allowed) : 0;

	if (!rc && allowed)
		rc = check_bridges(config, allowed);
	return rc || !allowed ? rc : check_names(config, "nics", "gatewaydev", allowed);
}
