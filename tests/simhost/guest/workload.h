/*
 * What guests do with their time.
 */
#ifndef SIMHOST_WORKLOAD_H
#define SIMHOST_WORKLOAD_H

#include "kernel.h"

void workload_start(struct guest *guest);

/* A little of it; true if it has more to do at once. */
bool workload_step(struct guest *guest);

#endif
