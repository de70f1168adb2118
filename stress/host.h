/*
 * What the rounds ask of Xen and this host: is the domain there and does it run, and is the host, but for that domain,
 * as it was at the beginning? The host should do nothing else meanwhile: what others do looks like a leak.
 */
#ifndef STRESS_HOST_H
#define STRESS_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/bytes.h"

struct guest {
	uint32_t id;
	uint64_t frames, cpu_ns;
	bool is_paused, is_shut_down, is_suspended, has_devices;
	char uuid[37];
};

/* By name. -ESRCH without a reason if no domain has that name. */
int guest_find(const char *name, struct guest *guest);
/* The name of a domain that a person has named by name or id. */
int guest_name(const char *name_or_id, char name[256]);
/* All commands get the name: -EINVAL if it could mean another domain. */
int guest_check_name(const char *name);
/*
 * Waits until it runs as it will: its processors' time goes on, no request is left, and it has published its p2m again,
 * without which it could not be saved. -ETIMEDOUT, -ESHUTDOWN or -ESRCH say what it does instead.
 */
int guest_wait_running(const char *name, struct guest *guest);
/* A restore was killed when the domain was complete: lets it run. */
int guest_unpause(const struct guest *guest);

/* Names, each with a zero byte behind it, sorted: the domain's id is @ in them. */
struct basis {
	struct bytes nodes, files, domains;
	uint64_t free_frames; /* without the domain; 0: not known yet */
	unsigned int descriptors;
};

int basis_take(struct basis *basis, const struct guest *guest);
/* Waits a while for what goes by itself. -EUCLEAN says what is left, or gone. */
int basis_check(const struct basis *basis, const struct guest *guest);
/* After it was destroyed: waits until Xen does not know it any more. -EUCLEAN */
int basis_check_gone(const struct guest *guest);
/* While the domain is not there: the first time it is noted how many frames are free, then they must be as many. */
int basis_check_frames(struct basis *basis);
void basis_release(struct basis *basis);

#endif
