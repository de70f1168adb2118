/* See movable.h. Devices are what the toolstack notes below /libxl/DOMID/device. */
#include "migrate/movable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* "vbd 51712, vif 0"; a console is no device of this kind, it is made anew. */
static void list_devices(struct host *host, uint32_t id, char *text, size_t room)
{
	unsigned int classes, devices;
	char **class = store_list(host, &classes, "/libxl/%u/device", id);
	size_t used = 0;

	*text = '\0';
	for (unsigned int i = 0; i < classes; i++) {
		char **device = store_list(host, &devices, "/libxl/%u/device/%s", id, class[i]);

		for (unsigned int j = 0; j < devices && used < room; j++)
			if (strcmp(class[i], "console") || strcmp(device[j], "0"))
				used += snprintf(text + used, room - used, "%s%s %s", used ? ", " : "",
						 class[i], device[j]);
		free(device);
	}
	free(class);
}

static enum obstacle look(const struct domain_facts *facts)
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
	char devices[256];

	*obstacle = look(facts);
	if (*obstacle != OBSTACLE_NONE) {
		snprintf(text, room, "%s", sentences[*obstacle]);
		return 0;
	}
	list_devices(domain_host(domain), facts->id, devices, sizeof(devices));
	*obstacle = *devices ? OBSTACLE_DEVICES : OBSTACLE_NONE;
	snprintf(text, room, *devices ? "it has devices, which pvferry does not carry: %s; xl does" : "%s",
		 devices);
	return 0;
}
