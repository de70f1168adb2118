/* A domain's devices: what libxl notes below /libxl/DOMID/device. A console is no such device: it is made anew. */
#ifndef MACHINE_DEVICES_H
#define MACHINE_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xen/domain.h"

/* "vbd 51712, vif 0"; "" for a domain without devices. */
void devices_list(struct host *host, uint32_t id, char *text, size_t room);
bool devices_exist(struct host *host, uint32_t id);
/* A sentence about the first device that no other host can have, and the way out; "" if others can have all. */
void devices_find_fixed(struct host *host, uint32_t id, char *text, size_t room);

/*
 * Destroys the domain with all that was entered of it, and whatever serves its devices: those are libxl's to remove
 * (machine/toolstack.h), so a domain that has some is removed by it. -ESRCH as domain_demolish().
 */
int domain_remove(struct domain *domain);

#endif
