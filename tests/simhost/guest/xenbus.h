/*
 * The guest's end of its xenstore ring: one watch, on control/shutdown.
 */
#ifndef SIMHOST_XENBUS_H
#define SIMHOST_XENBUS_H

#include "kernel.h"

/* After boot and restore: forgets old replies and asks to be told. */
void xenbus_start(struct guest *guest);

/* Takes one message if there is one.  A request to suspend is acknowledged by
 * clearing it, and only then is the state's phase GUEST_SUSPEND. */
bool xenbus_poll(struct guest *guest);

#endif
