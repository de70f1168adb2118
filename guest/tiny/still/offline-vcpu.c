/* A vCPU that was taken off stays off; afterwards it comes up, does something, and goes again. */
#include "scenario.h"

enum { OFF = 1 };

static uint64_t answers;

static void reply(void *argument)
{
	(void)argument;
	answers += this_vcpu() == OFF;
}

static enum outcome offline_vcpu_start(void)
{
	if (!vcpus[OFF].exists)
		return skip("there is only one vCPU");
	vcpu_take_down(OFF);
	return success("vCPU %u is off, %u are up", OFF, vcpus_up());
}

static enum outcome offline_vcpu_check(void)
{
	uint64_t before = answers;

	if (!vcpus[OFF].exists)
		return skip("there is only one vCPU");
	if (vcpu_op(VCPUOP_is_up, OFF, 0))
		wrong("vCPU %u came up by itself", OFF);
	vcpu_bring_up(OFF);
	vcpu_call(OFF, reply, NULL);
	vcpu_take_down(OFF);
	if (answers != before + 1)
		wrong("vCPU %u did not answer", OFF);
	return success("vCPU %u was off, and answered %lu times in between", OFF, answers);
}

SCENARIO(.name = "offline-vcpu", .says = "a vCPU that is off stays off, and can come up",
	 .start = offline_vcpu_start, .check = offline_vcpu_check);
