/* Are the disks and networks of a guest that is offered here, and the same? Looks only; opens no disk. */
#ifndef RESTORE_PREFLIGHT_DEVICES_H
#define RESTORE_PREFLIGHT_DEVICES_H

#include "machine/offer.h"

/* allowed: as of restore_options; is_itself: the guest moves within this host. */
int preflight_devices(const struct offer *offer, const char *allowed, bool is_itself);
/* The same of the config that came: the names alone, since these count. */
int preflight_device_names(const struct config *config, const char *allowed);

#endif
