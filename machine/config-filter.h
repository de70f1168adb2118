/*
 * What of an image's config goes into a domain of this host: the keys of
 * config-keys.c with values within their bounds, and what names this host's
 * devices, programs, labels and pools only if it is allowed (text/allow.h).
 *
 * Pure: JSON in, JSON out; no Xen, no files.
 */
#ifndef MACHINE_CONFIG_FILTER_H
#define MACHINE_CONFIG_FILTER_H

#include "machine/config.h"

/*
 * Drops the rest, and writes into dropped what that was, with the reasons, for one
 * line of a message: "b_info.iomem (needs --allow host-devices), b_info.foo (unknown)";
 * "" if it was nothing. A device of which something must be dropped goes as a whole:
 * with half of what was asked for it would be another device. Empty values go silently.
 */
void config_filter(struct config *config, unsigned int allowed, char *dropped, size_t room);

#endif
