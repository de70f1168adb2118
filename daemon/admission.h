/*
 * Which connections get a process. Every connection costs one until it has shown
 * a certificate that is allowed and offered a guest that fits, so their number is
 * limited, and the limit must not shut out the hosts that it protects:
 *
 *  - a quarter of the places is kept for addresses that were let in before;
 *  - once half of the others are in use, an address may hold only a few of
 *    them, and new connections are refused at random, the more often the
 *    fewer places are left (as MaxStartups of sshd does it).
 */
#ifndef DAEMON_ADMISSION_H
#define DAEMON_ADMISSION_H

#include <stdbool.h>

#include "daemon/address.h"
#include "daemon/settings.h"

enum { ADMISSION_KNOWN = 256 };

/* Addresses that were let in; the oldest entry is replaced. Zeroed: none. */
struct known {
	struct address at[ADMISSION_KNOWN];
	unsigned int count; /* ever added */
};

void known_add(struct known *known, const struct address *address);
bool known_has(const struct known *known, const struct address *address);

/* Connections that have a process now. */
struct crowd {
	unsigned int incoming;
	unsigned int from_address;    /* of those: from the same host */
	unsigned int unauthenticated; /* of incoming: not let in yet */
	unsigned int strangers;	      /* of unauthenticated: from addresses that were not known */
	unsigned int
		strangers_of_network; /* of those: from the same IPv4 address or IPv6 network of 56 bits */
};

/* The reason to refuse one more; NULL if it may come. chance: a random number below 100. */
const char *admission_refuse(const struct settings *settings, const struct crowd *crowd, bool is_known,
			     unsigned int chance);

#endif
