/* A domain that libxl is to make, for pvferry to fill. */
#ifndef MACHINE_NEW_DOMAIN_H
#define MACHINE_NEW_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

enum { NEW_DOMAIN_LOCKS = 4 };

struct new_domain {
	const char *config; /* libxl's JSON */
	const char *name;   /* until it runs: the config's is not looked at */
	uint8_t uuid[16];   /* that of the config */
	unsigned int width; /* bytes of a guest word */
	bool is_late;	    /* its devices are made when they may be: toolstack_open() */
	/* Descriptors that the process which makes the domain holds, too, until it runs or is gone; of the count that are set. */
	int locks[NEW_DOMAIN_LOCKS];
	unsigned int lock_count;
};

#endif
