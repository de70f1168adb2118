/*
 * The program of a guest, as a state machine: what it does next is in its pages.
 */
#include <errno.h>

#include "../machine/domain.h"
#include "kernel.h"
#include "mm.h"
#include "run.h"
#include "suspend.h"
#include "workload.h"
#include "xenbus.h"

static void boot(struct guest *guest)
{
	xenbus_start(guest);
	workload_start(guest);
	PUT(guest, phase, GUEST_RUN);
}

static int run(struct guest *guest)
{
	int busy = xenbus_poll(guest);

	if (GET(guest, phase) != GUEST_RUN)
		return 1;
	PUT(guest, ticks, GET(guest, ticks) + 1);
	return busy | workload_step(guest);
}

static int step(struct host *host, uint16_t domid)
{
	struct guest guest;
	int err = kernel_enter(&guest, host, domid), busy = 1;

	if (err)
		return err;
	PUT(&guest, steps, GET(&guest, steps) + 1);
	switch (GET(&guest, phase)) {
	case GUEST_BOOT: boot(&guest); break;
	case GUEST_RUN: busy = run(&guest); break;
	case GUEST_SUSPEND: suspend_guest(&guest); break;
	case GUEST_SUSPENDED: resume_guest(&guest); break;
	}
	return busy;
}

static int slot_of(struct host *host, uint16_t domid)
{
	struct domain *domain;
	int slot;

	host_lock(host);
	domain = domain_find(host, domid);
	slot = domain ? domain - host->machine->domains : -ESRCH;
	host_unlock(host);
	return slot;
}

/* A step's length to those who ask how much processor time the guest had: that it had some is all that is true of it. */
enum { STEP_NS = 1000 };

int guest_step(struct host *host, uint16_t domid)
{
	int slot = slot_of(host, domid), ret;

	if (slot < 0)
		return slot;
	if (!host_try_stepping(host, slot))
		return 0;
	ret = step(host, domid);
	host->machine->domains[slot].vcpus[0].run_ns += STEP_NS;
	host_end_stepping(host, slot);
	return ret;
}
