/* A domain that libxl is to make, for pvferry to fill. */
#ifndef MACHINE_NEW_DOMAIN_H
#define MACHINE_NEW_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

struct new_domain {
	const char *config; /* libxl's JSON */
	const char *name;   /* until it runs: the config's is not looked at */
	uint8_t uuid[16];   /* that of the config */
	unsigned int width; /* bytes of a guest word */
};

#endif
