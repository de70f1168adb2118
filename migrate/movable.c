/*
 * See movable.h. Devices are what the toolstack notes below /libxl/DOMID/device. Obstacles are looked for in the order
 * in which they matter to a person: one that no option helps against hides those that an option does.
 */
#include "migrate/movable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config.h"
#include "machine/devices.h"

/* libvirt keeps this beside libxl's file, of each domain that it has started. */
static bool is_of_libvirt(const struct domain_facts *facts)
{
	char uuid[37];

	uuid_format(facts->uuid, uuid);
	return config_has_file(facts->id, uuid, "libvirt-xml");
}

static enum obstacle obstacle_of(const struct domain_facts *facts)
{
	bool is_suspended = facts->is_shut_down && facts->shutdown_reason == SHUTDOWN_REASON_SUSPEND;

	return !facts->id	   ? OBSTACLE_DOMAIN_0
	     : facts->is_hvm	   ? OBSTACLE_HVM
	     : facts->is_dying	   ? OBSTACLE_DYING
	     : is_suspended	   ? OBSTACLE_SUSPENDED
	     : facts->is_shut_down ? OBSTACLE_SHUT_DOWN
	     : facts->is_paused	   ? OBSTACLE_PAUSED
				   : OBSTACLE_NONE;
}

int find_obstacle(struct domain *domain, const struct domain_facts *facts, enum obstacle *obstacle,
		  char *text, size_t room)
{
	static const char *const sentences[] = {
		[OBSTACLE_NONE] = "",
		[OBSTACLE_DOMAIN_0] = "Domain-0 is the host itself",
		[OBSTACLE_HVM] = "it is an HVM or PVH domain: xl serves those",
		[OBSTACLE_DYING] = "it is being destroyed",
		[OBSTACLE_SUSPENDED] =
			"it is suspended: a job works on it, or \"pvferry resume\" lets it run",
		[OBSTACLE_SHUT_DOWN] = "it has shut down",
		[OBSTACLE_PAUSED] = "it is paused and cannot suspend itself: unpause it first",
	};
	struct host *host = domain_host(domain);
	char devices[256];

	*obstacle = obstacle_of(facts);
	if (*obstacle != OBSTACLE_NONE) {
		snprintf(text, room, "%s", sentences[*obstacle]);
		return 0;
	}
	devices_find_fixed(host, facts->id, text, room);
	*obstacle = *text ? OBSTACLE_FIXED_DEVICE : OBSTACLE_NONE;
	if (*text)
		return 0;
	if (is_of_libvirt(facts)) {
		*obstacle = OBSTACLE_LIBVIRT;
		snprintf(text, room,
			 "it is libvirt's, which would not learn of it: use virsh, whose save and "
			 "migrate run pvferry-save-helper");
		return 0;
	}
	devices_list(host, facts->id, devices, sizeof(devices));
	*obstacle = *devices ? OBSTACLE_DEVICES : OBSTACLE_NONE;
	snprintf(text, room, *devices ? "it has devices: %s" : "%s", devices);
	return 0;
}
