/* What the builder is ordered to do, from what pvferry was asked for. Mirror: builder/main.c, carry_out() */
#include "restore/builder-order.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "version.h"

int builder_order_init(struct builder_order *order, const struct channel *from,
		       const struct restore_options *options)
{
	*order = (struct builder_order){ .threads = options->threads,
					 .allowed = options->allowed,
					 .say_level = say_level,
					 .force = options->force,
					 .without_devices = options->without_devices,
					 .leaves_pages = from->leave_pages,
					 .has_name = options->name,
					 .has_uuid = options->uuid,
					 .is_adoption = options->adopt,
					 .has_maker = options->maker,
					 .has_proof = options->prove,
					 .most_pfns = options->most_pfns };
	snprintf(order->version, sizeof(order->version), "%s", PVFERRY_VERSION);
	snprintf(order->channel, sizeof(order->channel), "%s", from->name);
	if (options->prove)
		order->proof = *options->prove;
	order->limits_devices = options->allow_devices;
	snprintf(order->allow_devices, sizeof(order->allow_devices), "%s",
		 options->allow_devices ? options->allow_devices : "");
	if (options->uuid)
		memcpy(order->uuid, options->uuid, sizeof(order->uuid));
	if (options->adopt) {
		order->domain = options->adopt->domain;
		order->connections = options->adopt->connections;
		order->accepts_wire = options->adopt->accepts_wire;
	}
	if (options->name && strlen(options->name) >= sizeof(order->name))
		return fail(ENAMETOOLONG, "a domain's name of %zu bytes", strlen(options->name));
	snprintf(order->name, sizeof(order->name), "%s", options->name ? options->name : "");
	return 0;
}
