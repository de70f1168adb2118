/*
 * A policy with a handful of labels, and domU_t, which has the same number on each
 * host. The numbers of the others begin where the host says.
 */
#ifndef SIMHOST_FLASK_H
#define SIMHOST_FLASK_H

#include "host.h"

enum { FLASK_SID_DOMU = 12 };

/* NULL: no label has that number. */
const char *flask_label(const struct host *host, uint32_t sid);
/* -ENOSYS: the host has no FLASK. -EINVAL: its policy has no such label. */
int flask_find(const struct host *host, const char *label, uint32_t *sid);

#endif
