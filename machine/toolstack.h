/*
 * pvferry-toolstack from the side of those who give it orders.
 *
 * Functions return 0 or -errno with a reason, which is the toolstack's own if it gave one.
 */
#ifndef MACHINE_TOOLSTACK_H
#define MACHINE_TOOLSTACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "machine/machine.h"
#include "machine/new-domain.h"

struct toolstack {
	int fd; /* orders go there, answers come from there */
	bool is_started;
	pid_t pid; /* of our child; 0: systemd has started it */
	int pidfd; /* of the one that systemd has started, as far as it is known; else -1 */
	/* Of the domain that it makes: */
	char uuid[37], name[512];
};

/* --- a domain that is made ---------------------------------------------------------------------------------- */

/*
 * Starts the program. Returns as soon as the domain can be filled: *id, and its connections, whose pages are in
 * place. libxl makes the devices meanwhile.
 */
int toolstack_create(struct toolstack *toolstack, const struct new_domain *domain, uint32_t *id,
		     struct connections *connections);
/* Of a domain that is late: nothing else uses what its devices use, so libxl makes them now. */
int toolstack_open(struct toolstack *toolstack);
/* Waits until its devices are there. */
int toolstack_created(struct toolstack *toolstack);

/* The domain is complete: it gets its name, and runs unless it stays paused. */
int toolstack_run(struct toolstack *toolstack, const char *name, bool paused);
/* It stays when the program ends, paused and under the name that it has: from here on it is the caller's. */
int toolstack_keep(struct toolstack *toolstack);
/*
 * The domain is not wanted; one that was not made, or is gone, is fine. If libxl itself had failed to make it, and
 * not for this, that becomes the reason of the failure: what others failed for follows from it. If something is
 * left it is said what.
 */
void toolstack_abandon(struct toolstack *toolstack);
/* Waits for the program's end; a domain that does not run yet goes. Fine if it was not started. */
void toolstack_close(struct toolstack *toolstack);

/* --- a domain that is stopped, to go to another host --------------------------------------------------------- */

/* Starts the program while the guest still runs, so that the guest does not wait for that. */
int toolstack_start(struct toolstack *toolstack);
/* Waits until its disks are at rest and written out. The guest may go on afterwards. */
int toolstack_quiet(struct toolstack *toolstack, uint32_t id);

/* --- the host ------------------------------------------------------------------------------------------------- */

/* So much is free, perhaps since domain 0 is smaller now, as xl would have made it; else -ENOMEM and why not. */
int toolstack_free_memory(uint64_t kib);

/* --- a domain that is there; each starts a program of its own ---------------------------------------------- */

/* Its config with the devices that it has now, as libxl has it; the caller frees it. */
int toolstack_config(uint32_t id, char **config);
/* With backends, loop devices and what else its devices' scripts have made. */
int toolstack_destroy(uint32_t id);
/* Has it watched, by a process that outlives us: see machine/watch.h. -EBUSY: another process does that. */
int toolstack_watch(const char *uuid);

#endif
