/*
 * How a guest goes to sleep and how it finds out where it woke.
 */
#ifndef SIMHOST_SUSPEND_H
#define SIMHOST_SUSPEND_H

#include "kernel.h"

/* Everything pinned, store and console named by pfn, then the call that stops it. */
void suspend_guest(struct guest *guest);

/* The first step after it: register AX says whether it was cancelled (1) or restored. */
void resume_guest(struct guest *guest);

#endif
