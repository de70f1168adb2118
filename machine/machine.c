/* One place that knows which record is whose. */
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"

void machine_release(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->vcpu_count; i++)
		for (int kind = 0; kind < VCPU_STATES; kind++)
			free(machine->vcpus[i].state[kind]);
	free(machine->vcpus);
	free(machine->shared_info);
	cpu_policy_release(&machine->policy);
	*machine = (struct machine){ 0 };
}

int machine_take(struct machine *machine, const struct record *record, bool *taken)
{
	*taken = true;
	switch (record->type) {
	case RECORD_X86_PV_INFO: return guest_info_take(machine, record);
	case RECORD_X86_CPUID_POLICY:
	case RECORD_X86_MSR_POLICY: return cpu_policy_take(machine, record);
	case RECORD_X86_TSC_INFO: return tsc_take(machine, record);
	case RECORD_SHARED_INFO: return shared_info_take(machine, record);
	case RECORD_X86_PV_VCPU_BASIC: return vcpus_take(machine, record, VCPU_BASIC);
	case RECORD_X86_PV_VCPU_EXTENDED: return vcpus_take(machine, record, VCPU_EXTENDED);
	case RECORD_X86_PV_VCPU_XSAVE: return vcpus_take(machine, record, VCPU_XSAVE);
	case RECORD_X86_PV_VCPU_MSRS: return vcpus_take(machine, record, VCPU_MSRS);
	}
	*taken = false;
	return 0;
}

int machine_check(const struct machine *machine, const struct destination *memory)
{
	if (!machine->shared_info)
		return fail(EBADMSG, "the stream has no SHARED_INFO");
	return vcpus_check(machine, memory);
}
