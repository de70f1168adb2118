/*
 * When the other host makes the devices of a guest that moves: early, while the guest still runs here, or late, when it has
 * stopped and its disks are at rest. Early keeps scripts and qemu out of the downtime, and finds what is missing while the
 * guest runs; but no device may read ahead, lock or answer for the guest there while it does so here.
 */
#ifndef MACHINE_DEVICE_ORDER_H
#define MACHINE_DEVICE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct config;

/* As --devices has them. */
enum device_wish { DEVICES_AUTO, DEVICES_EARLY, DEVICES_LATE };

struct device_order {
	bool is_early;
	char reason[256]; /* a part of a sentence, for people: "the disk xvda is a file" */
};

/* stat(), but for tests. */
typedef int device_stat(const char *path, struct stat *facts);

/*
 * By libxl's config of the guest. Where auto cannot know that early is safe it is late. -EOPNOTSUPP with a reason if early is
 * wanted and not safe.
 */
int device_order_choose(struct device_order *order, enum device_wish wish, const struct config *config,
			device_stat *look);

#endif
