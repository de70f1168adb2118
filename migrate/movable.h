/* Can this domain be saved and moved, and if not, why not? Looks only, changes nothing. */
#ifndef MIGRATE_MOVABLE_H
#define MIGRATE_MOVABLE_H

#include "xen/domain.h"

enum obstacle {
	OBSTACLE_NONE,
	OBSTACLE_DOMAIN_0,
	OBSTACLE_HVM,
	OBSTACLE_DYING,
	OBSTACLE_SUSPENDED,
	OBSTACLE_SHUT_DOWN,
	OBSTACLE_PAUSED,
	/* Those that can be gone over; the first and the last by --without-devices: */
	OBSTACLE_FIXED_DEVICE,
	OBSTACLE_LIBVIRT,
	OBSTACLE_DEVICES, /* none, but that libxl has to be asked for its config */
};

/* The first obstacle, and a sentence about it in text[] ("" if there is none). */
int find_obstacle(struct domain *domain, const struct domain_facts *facts, enum obstacle *obstacle,
		  char *text, size_t room);

#endif
