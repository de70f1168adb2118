/* See devices.h. */
#include "machine/devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names that libxl has for classes of devices, and why they stay: Linux' drivers of these have no resume. */
static const struct {
	const char *class, *sentence;
} fixed[] = {
	{ "pci", "it has a PCI device of this host (pci %s): \"xl pci-detach\" takes it away" },
	{ "9pfs", "it has a directory of this host (9pfs %s), which its driver cannot find again after a "
		  "suspend: shut it down and start it without" },
	{ "vusb",
	  "it has a USB controller (vusb %s), which its driver cannot find again after a suspend: \"xl "
	  "usbctrl-detach\" takes it away" },
	{ "qusb",
	  "it has a USB controller (qusb %s), which its driver cannot find again after a suspend: \"xl "
	  "usbctrl-detach\" takes it away" },
	{ "pvcalls",
	  "its sockets are this host's (pvcalls %s), and do not outlive a suspend: shut it down and "
	  "start it without" },
	{ "vdispl",
	  "it has a PV display (vdispl %s), which its driver cannot find again after a suspend: \"xl "
	  "vdispl-detach\" takes it away" },
	{ "vsnd",
	  "it has a PV sound device (vsnd %s), which its driver cannot find again after a suspend: shut "
	  "it down and start it without" },
};

struct visit {
	bool (*each)(const char *class, const char *device, struct visit *visit);
	char *text;
	size_t room, used;
};

/* Until one of them says true. */
static void visit_devices(struct host *host, uint32_t id, struct visit *visit)
{
	unsigned int classes, devices;
	char **class = store_list(host, &classes, "/libxl/%u/device", id);
	bool is_over = false;

	for (unsigned int i = 0; i < classes && !is_over; i++) {
		char **device = store_list(host, &devices, "/libxl/%u/device/%s", id, class[i]);

		for (unsigned int j = 0; j < devices && !is_over; j++)
			if (strcmp(class[i], "console") || strcmp(device[j], "0"))
				is_over = visit->each(class[i], device[j], visit);
		free(device);
	}
	free(class);
}

static bool add_name(const char *class, const char *device, struct visit *visit)
{
	visit->used += snprintf(visit->text + visit->used, visit->room - visit->used, "%s%s %s",
				visit->used ? ", " : "", class, device);
	return visit->used >= visit->room;
}

void devices_list(struct host *host, uint32_t id, char *text, size_t room)
{
	struct visit visit = { add_name, text, room, 0 };

	*text = '\0';
	visit_devices(host, id, &visit);
}

bool devices_exist(struct host *host, uint32_t id)
{
	char some[64];

	devices_list(host, id, some, sizeof(some));
	return *some;
}

static bool is_fixed(const char *class, const char *device, struct visit *visit)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (!strcmp(class, fixed[i].class)) {
			snprintf(visit->text, visit->room, fixed[i].sentence, device);
			return true;
		}
	return false;
}

void devices_find_fixed(struct host *host, uint32_t id, char *text, size_t room)
{
	struct visit visit = { is_fixed, text, room, 0 };
	unsigned int classes;
	char **class;

	*text = '\0';
	visit_devices(host, id, &visit);
	class = *text ? NULL : store_list(host, &classes, "/local/domain/%u/backend", id);
	if (class && classes)
		snprintf(text, room,
			 "it serves devices of other domains (%s), which would lose them: shut those down "
			 "first",
			 class[0]);
	free(class);
}
