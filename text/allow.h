/*
 * What an image may name of this host, if the administrator allows it: by `restore
 * --allow`, `receive --allow-config`, or allow-config in pvferryd.conf. The default
 * is nothing: an image is a file that others could have written.
 */
#ifndef ALLOW_H
#define ALLOW_H

#include <stdbool.h>

enum {
	ALLOW_HOST_DEVICES = 1,	   /* PCI and USB devices, iomem, irqs, ioports, directories, sockets */
	ALLOW_DEVICE_MODEL = 2,	   /* which device model runs, and with what arguments */
	ALLOW_SCRIPTS = 4,	   /* scripts of disks and network interfaces */
	ALLOW_LABELS = 8,	   /* FLASK labels */
	ALLOW_POOLS = 16,	   /* the cpupool */
	ALLOW_MSRS = 32,	   /* relaxed MSRs, performance counters */
	ALLOW_DRIVER_DOMAINS = 64, /* devices that other domains serve; being such a domain */
	ALLOW_BOOT = 128	   /* kernel, ramdisk and bootloader, when the domain is started again */
};

/* Adds the words of a list with commas or blanks, or "all", to *allowed. False: one of them is no such word. */
bool allow_parse(const char *list, unsigned int *allowed);
/*
 * May an arriving guest have a device of that name, the target of a disk or a bridge? patterns: of fnmatch(3), with blanks or
 * commas between them; "*" is any name. A path that goes back up matches none, since it says nothing of where it leads.
 */
bool allow_device(const char *patterns, const char *name);
/* "host-devices" and the like; what is one bit. */
const char *allow_word(unsigned int what);
/* All words, for messages: "host-devices, device-model, ...". */
#define ALLOW_WORDS "host-devices, device-model, scripts, labels, pools, msrs, driver-domains, boot or all"

#endif
