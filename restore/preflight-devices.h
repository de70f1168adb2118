/* Are the disks and networks of a guest that is offered here, and the same? Looks only; opens no disk. */
#ifndef RESTORE_PREFLIGHT_DEVICES_H
#define RESTORE_PREFLIGHT_DEVICES_H

#include "machine/device-order.h"
#include "machine/offer.h"

/* allowed: as of restore_options; is_itself: the guest moves within this host. */
int preflight_devices(const struct offer *offer, const char *allowed, bool is_itself);
/* The part of it that needs real disks: here is disk_identity() of what the target names on this host. */
int preflight_identity(const struct offer_disk *disk, const char *here);
/* May they be made before the guest has stopped, as the offer asks for? Its disks may be of another kind here. */
struct device_order preflight_order(const struct offer *offer, bool without_devices);
/* As preflight_devices(), of the config that came: the names alone, since these count. */
int preflight_device_names(const struct config *config, const char *allowed);

#endif
