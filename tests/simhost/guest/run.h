/*
 * One step of a guest: boot, a message, a bit of its workload, suspend, resume.
 */
#ifndef SIMHOST_RUN_H
#define SIMHOST_RUN_H

#include "../machine/host.h"

/* 1: something was done; 0: nothing to do, or another process is at it; -ESRCH: no such
 * guest, or it does not run. */
int guest_step(struct host *host, uint16_t domid);

#endif
