/*
 * Other disks and bridges than those that an image names: "disk xvda=/dev/vg/web" and "bridge 0=xenbr1", a line each. Pure.
 */
#ifndef MACHINE_CONFIG_REDIRECT_H
#define MACHINE_CONFIG_REDIRECT_H

#include "machine/config.h"

/* Adds a line; -EINVAL with a reason if the wish is not NAME=VALUE, -ENOSPC if there is no room. kind: "disk", "bridge". */
int redirect_add(char *lines, size_t room, const char *kind, const char *wish);

/* Carries the lines out; -ENOENT if the config has no such disk or network interface. */
int config_redirect(struct config *config, const char *lines);
/* "disks xvda=/dev/vg/web, xvdb=(empty); bridges 0=xenbr0"; "" if it has neither. */
void config_attachments(const struct config *config, char *text, size_t room);

#endif
