/* Whatever can be known to stand in the way before there is a domain. */
#ifndef RESTORE_PREFLIGHT_H
#define RESTORE_PREFLIGHT_H

#include "restore/restore.h"

/* The image's config is one we can follow; takes the name from the options. */
int preflight_config(struct restoration *restoration);
/* The host has room: for the name, and the memory. A UUID that is in use is replaced. */
int preflight_host(struct restoration *restoration);

#endif
