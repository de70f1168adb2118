/*
 * Takes a call to its group, and multicalls apart.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../machine/domain.h"
#include "call.h"

static void *pointer(uint64_t arg)
{
	return (void *)(uintptr_t)arg;
}

static long dispatch(struct call *call, unsigned op, const uint64_t *args);

static long call_multicall(struct call *call, multicall_entry_t *entries, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		uint64_t args[CALL_ARGS + 1];

		if (entries[i].op == __HYPERVISOR_multicall)
			return -EINVAL;
		memcpy(args, entries[i].args, sizeof(args));
		entries[i].result = dispatch(call, entries[i].op, args);
	}
	return 0;
}

static long dispatch(struct call *call, unsigned op, const uint64_t *args)
{
	switch (op) {
	case __HYPERVISOR_multicall: return call_multicall(call, pointer(args[0]), args[1]);
	case __HYPERVISOR_domctl: return call_domctl(call, pointer(args[0]));
	case __HYPERVISOR_sysctl: return call_sysctl(call, pointer(args[0]));
	case __HYPERVISOR_memory_op: return call_memory(call, args[0], pointer(args[1]));
	case __HYPERVISOR_mmuext_op:
		return call_mmuext(call, pointer(args[0]), args[1], pointer(args[2]), args[3]);
	case __HYPERVISOR_mmu_update:
		return call_mmu_update(call, pointer(args[0]), args[1], pointer(args[2]), args[3]);
	case __HYPERVISOR_update_va_mapping: return call_update_va_mapping(call, args[0], args[1], args[2]);
	case __HYPERVISOR_event_channel_op: return call_event_channel(call, args[0], pointer(args[1]));
	case __HYPERVISOR_grant_table_op: return call_grant_table(call, args[0], pointer(args[1]), args[2]);
	case __HYPERVISOR_sched_op: return call_sched(call, args[0], pointer(args[1]));
	case __HYPERVISOR_xsm_op: return call_flask(call, pointer(args[0]));
	case __HYPERVISOR_xen_version: return call_version(call, args[0], pointer(args[1]));
	}
	return -ENOSYS;
}

long hypercall(struct host *host, uint16_t caller, unsigned vcpu, unsigned op, const uint64_t args[CALL_ARGS])
{
	struct call call = { .host = host };
	long ret = -ESRCH;

	host_lock(host);
	call.caller = domain_find(host, caller);
	call.vcpu = call.caller ? &call.caller->vcpus[vcpu] : NULL;
	if (call.caller)
		ret = dispatch(&call, op, args);
	host_unlock(host);
	return ret;
}

/* "4.17.7": the numbers, and ".7" */
static long xen_version(const char *xen)
{
	char *end;
	unsigned long major = strtoul(xen, &end, 10);

	return major << 16 | strtoul(end + (*end == '.'), NULL, 10);
}

static const char *xen_extra(const char *xen)
{
	const char *first = strchr(xen, '.'), *second = first ? strchr(first + 1, '.') : NULL;

	return second ? second : "";
}

long call_version(struct call *call, unsigned cmd, void *arg)
{
	switch (cmd) {
	case XENVER_version: return xen_version(call->host->machine->xen);
	case XENVER_extraversion:
		snprintf(arg, sizeof(xen_extraversion_t), "%s-simhost", xen_extra(call->host->machine->xen));
		return 0;
	case XENVER_capabilities: strcpy(arg, "xen-3.0-x86_64 xen-3.0-x86_32p "); return 0;
	case XENVER_changeset: strcpy(arg, "simhost"); return 0;
	case XENVER_compile_info: memset(arg, 0, sizeof(xen_compile_info_t)); return 0;
	case XENVER_platform_parameters:
		((xen_platform_parameters_t *)arg)->virt_start = 0xffff800000000000ul;
		return 0;
	case XENVER_get_features: ((xen_feature_info_t *)arg)->submap = 0; return 0;
	case XENVER_pagesize: return PAGE_BYTES;
	case XENVER_commandline: strcpy(arg, call->host->machine->command_line); return 0;
	}
	return -ENOSYS;
}
