/*
 * The disks and networks of a guest that moves, as far as the other host can look for them before anything is done. Part
 * of an offer. What counts in the end is the config in the image; this finds honest mistakes early.
 */
#ifndef MACHINE_OFFER_DEVICES_H
#define MACHINE_OFFER_DEVICES_H

#include "machine/config.h"

struct json_object;

/* More than so many are not looked at before. */
enum { OFFER_DISKS_MOST = 32, OFFER_NICS_MOST = 16 };

struct offer_disk {
	char vdev[16], target[256]; /* a longer target is "" */
	/* As the guest knows it: 0 if that is not known, or is not what the target itself has. */
	uint64_t bytes;
	uint32_t sector_bytes;
	char identity[128]; /* disk-identity.h; "": not known */
	bool writable;
	bool is_path; /* the target is a path of domain 0, and no script of its own makes something else of it */
};

struct offer_nic {
	char bridge[64], interface[32]; /* "": none is named */
	bool is_bridge;			/* of Linux, and no script of its own makes something else of it */
};

struct offer_devices {
	uint32_t disk_count, nic_count;
	struct offer_disk disks[OFFER_DISKS_MOST];
	struct offer_nic nics[OFFER_NICS_MOST];
};

/* Of a domain that is here and has this config. */
void offer_devices_fetch(struct offer_devices *devices, const struct config *config, struct host *host,
			 uint32_t id);

void offer_devices_put(const struct offer_devices *devices, struct json_object *offer);
/* What makes no sense is left out. */
void offer_devices_take(struct offer_devices *devices, const struct json_object *offer);
/* Of one that another process has filled in, with any bytes: counts are within bounds afterwards, and texts end. */
void offer_devices_check(struct offer_devices *devices);

#endif
