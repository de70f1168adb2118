/*
 * The program of a guest, as a state machine: what it does next is in its pages.
 */
#include <errno.h>

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

int guest_step(struct host *host, uint16_t domid)
{
	struct guest guest;
	int err = kernel_enter(&guest, host, domid), busy = 1;

	if (err)
		return err;
	PUT(&guest, steps, GET(&guest, steps) + 1);
	switch (GET(&guest, phase)) {
	case GUEST_BOOT:
		boot(&guest);
		break;
	case GUEST_RUN:
		busy = run(&guest);
		break;
	case GUEST_SUSPEND:
		suspend_guest(&guest);
		break;
	case GUEST_SUSPENDED:
		resume_guest(&guest);
		break;
	}
	return busy;
}
