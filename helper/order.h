/*
 * What libxl orders, in its own words: the arguments with which it starts its
 * helper. Xen, tools/libs/light/libxl_save_callout.c and libxl_save_helper.c.
 */
#ifndef HELPER_ORDER_H
#define HELPER_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order {
	bool is_restore;
	int stream_fd;
	uint32_t domain;
	bool is_live, is_debug;		   /* of a save */
	uint32_t store_port, store_domain; /* of a restore */
	uint32_t console_port, console_domain;
	uint32_t callbacks;   /* bit n: libxl wants message n */
	uint32_t stream_type; /* 0: neither Remus nor COLO */
};

/* false: not in the form that is known here. */
bool order_parse(struct order *order, int argc, char **argv);

/* Is it one for a plain stream of a PV domain? If not it is the stock helper's. A failure if Xen does not say. */
int order_is_ours(const struct order *order, bool *is_ours);

#endif
