/* See offer-devices.h. */
#include "machine/offer-devices.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "machine/disk-identity.h"
#include "stream/body.h"

/* --- of a domain that is here ------------------------------------------------ */

static struct json_object *list_of(const struct json_object *object, const char *key)
{
	struct json_object *list = NULL;

	json_object_object_get_ex(object, key, &list);
	return json_object_is_type(list, json_type_array) ? list : NULL;
}

static size_t count_of(const struct json_object *list, size_t most)
{
	size_t count = list ? json_object_array_length(list) : 0;

	return count < most ? count : most;
}

/* Does the stock script serve it? libxl leaves the key out then, or names it with its folder. */
static bool has_script(const struct json_object *device, const char *stock)
{
	const char *script = body_text(device, "script"), *base;

	if (!script || !*script)
		return true;
	base = strrchr(script, '/');
	return !strcmp(base ? base + 1 : script, stock);
}

static bool is_of_domain_0(const struct json_object *device)
{
	const char *name = body_text(device, "backend_domname");

	return !body_number(device, "backend_domid", 0) && (!name || !*name);
}

/* What would be cut is left out: half a path names another file. */
static void copy_whole(const struct json_object *device, const char *key, char *to, size_t room)
{
	const char *text = body_text(device, key);

	if (text && strlen(text) < room)
		body_copy(device, key, to, room);
}

static uint64_t read_number(struct host *host, const char *folder, const char *name)
{
	char *text = store_read(host, "%s/%s", folder, name);
	uint64_t number = text ? strtoull(text, NULL, 10) : 0;

	free(text);
	return number;
}

static bool is_backend_of(struct host *host, const char *backend, const char *vdev)
{
	char *dev = store_read(host, "%s/dev", backend);
	bool is = dev && !strcmp(dev, vdev);

	free(dev);
	return is;
}

/* Linux counts in 512 bytes whatever the sector's size; qemu in sectors. */
static void read_size(struct offer_disk *disk, struct host *host, const char *backend)
{
	bool is_qemu = strstr(backend, "/qdisk/");

	disk->sector_bytes = read_number(host, backend, "sector-size");
	disk->bytes = read_number(host, backend, "sectors") * (is_qemu ? disk->sector_bytes : 512);
}

static void find_size(struct offer_disk *disk, struct host *host, uint32_t id)
{
	unsigned int count;
	char **devices = store_list(host, &count, "/libxl/%u/device/vbd", id);

	for (unsigned int i = 0; i < count; i++) {
		char *backend = store_read(host, "/libxl/%u/device/vbd/%s/backend", id, devices[i]);

		if (backend && is_backend_of(host, backend, disk->vdev))
			read_size(disk, host, backend);
		free(backend);
	}
	free(devices);
}

static void find_identity(struct offer_disk *disk)
{
	struct stat facts;

	if (disk->is_path && !stat(disk->target, &facts) && S_ISBLK(facts.st_mode))
		disk_identity("/sys", facts.st_rdev, disk->identity, sizeof(disk->identity));
}

/* Of qcow2 and the like the guest sees a size that the file does not have. */
static void fetch_disk(struct offer_disk *disk, const struct json_object *from, struct host *host,
		       uint32_t id)
{
	const char *format = body_text(from, "format");

	copy_whole(from, "vdev", disk->vdev, sizeof(disk->vdev));
	copy_whole(from, "pdev_path", disk->target, sizeof(disk->target));
	disk->writable = body_number(from, "readwrite", 0);
	disk->is_path = *disk->target == '/' && has_script(from, "block") && is_of_domain_0(from);
	find_identity(disk);
	if (format && !strcmp(format, "raw"))
		find_size(disk, host, id);
}

static void fetch_nic(struct offer_nic *nic, const struct json_object *from)
{
	copy_whole(from, "bridge", nic->bridge, sizeof(nic->bridge));
	copy_whole(from, "ifname", nic->interface, sizeof(nic->interface));
	nic->is_bridge = *nic->bridge && has_script(from, "vif-bridge") && is_of_domain_0(from);
}

void offer_devices_fetch(struct offer_devices *devices, const struct config *config, struct host *host,
			 uint32_t id)
{
	const struct json_object *disks = list_of(config->root, "disks"),
				 *nics = list_of(config->root, "nics");

	*devices = (struct offer_devices){ .disk_count = count_of(disks, OFFER_DISKS_MOST),
					   .nic_count = count_of(nics, OFFER_NICS_MOST) };
	for (uint32_t i = 0; i < devices->disk_count; i++)
		fetch_disk(&devices->disks[i], json_object_array_get_idx(disks, i), host, id);
	for (uint32_t i = 0; i < devices->nic_count; i++)
		fetch_nic(&devices->nics[i], json_object_array_get_idx(nics, i));
}

/* --- on the wire -------------------------------------------------------------- */

void offer_devices_put(const struct offer_devices *devices, struct json_object *offer)
{
	struct json_object *disks = json_object_new_array(), *nics = json_object_new_array();

	for (uint32_t i = 0; i < devices->disk_count; i++) {
		const struct offer_disk *disk = &devices->disks[i];
		struct json_object *each = json_object_new_object();

		body_put_text(each, "vdev", disk->vdev);
		body_put_text(each, "target", disk->target);
		body_put_number(each, "bytes", disk->bytes);
		body_put_number(each, "sector-bytes", disk->sector_bytes);
		body_put_text(each, "identity", disk->identity);
		body_put_flag(each, "writable", disk->writable);
		body_put_flag(each, "path", disk->is_path);
		json_object_array_add(disks, each);
	}
	for (uint32_t i = 0; i < devices->nic_count; i++) {
		struct json_object *each = json_object_new_object();

		body_put_text(each, "bridge", devices->nics[i].bridge);
		body_put_text(each, "interface", devices->nics[i].interface);
		body_put_flag(each, "linux-bridge", devices->nics[i].is_bridge);
		json_object_array_add(nics, each);
	}
	json_object_object_add(offer, "disks", disks);
	json_object_object_add(offer, "nics", nics);
}

static uint64_t size_of(const struct json_object *object, const char *key)
{
	int64_t number = body_number(object, key, 0);

	return number > 0 ? number : 0;
}

void offer_devices_take(struct offer_devices *devices, const struct json_object *offer)
{
	const struct json_object *disks = list_of(offer, "disks"), *nics = list_of(offer, "nics");

	*devices = (struct offer_devices){ .disk_count = count_of(disks, OFFER_DISKS_MOST),
					   .nic_count = count_of(nics, OFFER_NICS_MOST) };
	for (uint32_t i = 0; i < devices->disk_count; i++) {
		const struct json_object *each = json_object_array_get_idx(disks, i);
		struct offer_disk *disk = &devices->disks[i];

		copy_whole(each, "vdev", disk->vdev, sizeof(disk->vdev));
		copy_whole(each, "target", disk->target, sizeof(disk->target));
		disk->bytes = size_of(each, "bytes");
		disk->sector_bytes = size_of(each, "sector-bytes");
		copy_whole(each, "identity", disk->identity, sizeof(disk->identity));
		disk->writable = body_flag(each, "writable");
		disk->is_path = body_flag(each, "path");
	}
	for (uint32_t i = 0; i < devices->nic_count; i++) {
		const struct json_object *each = json_object_array_get_idx(nics, i);
		struct offer_nic *nic = &devices->nics[i];

		copy_whole(each, "bridge", nic->bridge, sizeof(nic->bridge));
		copy_whole(each, "interface", nic->interface, sizeof(nic->interface));
		nic->is_bridge = body_flag(each, "linux-bridge");
	}
}

static bool flag_of(const bool *flag)
{
	unsigned char byte;

	memcpy(&byte, flag, sizeof(byte));
	return byte;
}

void offer_devices_check(struct offer_devices *devices)
{
	if (devices->disk_count > OFFER_DISKS_MOST)
		devices->disk_count = OFFER_DISKS_MOST;
	if (devices->nic_count > OFFER_NICS_MOST)
		devices->nic_count = OFFER_NICS_MOST;
	for (uint32_t i = 0; i < OFFER_DISKS_MOST; i++) {
		struct offer_disk *disk = &devices->disks[i];

		disk->vdev[sizeof(disk->vdev) - 1] = disk->target[sizeof(disk->target) - 1] =
			disk->identity[sizeof(disk->identity) - 1] = '\0';
		disk->writable = flag_of(&disk->writable);
		disk->is_path = flag_of(&disk->is_path);
	}
	for (uint32_t i = 0; i < OFFER_NICS_MOST; i++) {
		struct offer_nic *nic = &devices->nics[i];

		nic->bridge[sizeof(nic->bridge) - 1] = nic->interface[sizeof(nic->interface) - 1] = '\0';
		nic->is_bridge = flag_of(&nic->is_bridge);
	}
}
