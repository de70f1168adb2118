/*
 * Picks the step of a guest's workload.
 */
#include "workload.h"

static void step_write(struct guest *guest)
{
	uint64_t pfn = kernel_random_data_page(guest);

	kernel_verify(guest, pfn);
	kernel_rewrite(guest, pfn);
}

void workload_start(struct guest *guest)
{
	(void)guest;
}

bool workload_step(struct guest *guest)
{
	if (GET(guest, workload) == WORKLOAD_IDLE)
		return false;
	step_write(guest);
	return true;
}
