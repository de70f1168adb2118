/*
 * Names of calls, as Xen names them.
 */
#include <stdio.h>

#include "call.h"

#include <xen/xsm/flask_op.h>

static const char *domctl_name(uint32_t cmd)
{
	static const char *const names[] = {
		[XEN_DOMCTL_createdomain] = "createdomain",
		[XEN_DOMCTL_destroydomain] = "destroydomain",
		[XEN_DOMCTL_pausedomain] = "pausedomain",
		[XEN_DOMCTL_unpausedomain] = "unpausedomain",
		[XEN_DOMCTL_getdomaininfo] = "getdomaininfo",
		[XEN_DOMCTL_shadow_op] = "shadow_op",
		[XEN_DOMCTL_max_mem] = "max_mem",
		[XEN_DOMCTL_setvcpucontext] = "setvcpucontext",
		[XEN_DOMCTL_getvcpucontext] = "getvcpucontext",
		[XEN_DOMCTL_getvcpuinfo] = "getvcpuinfo",
		[XEN_DOMCTL_max_vcpus] = "max_vcpus",
		[XEN_DOMCTL_setdomainhandle] = "setdomainhandle",
		[XEN_DOMCTL_resumedomain] = "resumedomain",
		[XEN_DOMCTL_subscribe] = "subscribe",
		[XEN_DOMCTL_set_address_size] = "set_address_size",
		[XEN_DOMCTL_get_address_size] = "get_address_size",
		[XEN_DOMCTL_set_ext_vcpucontext] = "set_ext_vcpucontext",
		[XEN_DOMCTL_get_ext_vcpucontext] = "get_ext_vcpucontext",
		[XEN_DOMCTL_gettscinfo] = "gettscinfo",
		[XEN_DOMCTL_settscinfo] = "settscinfo",
		[XEN_DOMCTL_getpageframeinfo3] = "getpageframeinfo3",
		[XEN_DOMCTL_setvcpuextstate] = "setvcpuextstate",
		[XEN_DOMCTL_getvcpuextstate] = "getvcpuextstate",
		[XEN_DOMCTL_get_vcpu_msrs] = "get_vcpu_msrs",
		[XEN_DOMCTL_set_vcpu_msrs] = "set_vcpu_msrs",
		[XEN_DOMCTL_get_cpu_policy] = "get_cpu_policy",
		[XEN_DOMCTL_set_cpu_policy] = "set_cpu_policy",
	};

	return cmd < sizeof(names) / sizeof(*names) ? names[cmd] : NULL;
}

static const char *sysctl_name(uint32_t cmd)
{
	static const char *const names[] = {
		[XEN_SYSCTL_physinfo] = "physinfo",
		[XEN_SYSCTL_getdomaininfolist] = "getdomaininfolist",
		[XEN_SYSCTL_get_cpu_policy] = "get_cpu_policy",
	};

	return cmd < sizeof(names) / sizeof(*names) ? names[cmd] : NULL;
}

static const char *memory_name(uint32_t cmd)
{
	static const char *const names[] = {
		[XENMEM_increase_reservation] = "increase_reservation",
		[XENMEM_decrease_reservation] = "decrease_reservation",
		[XENMEM_maximum_ram_page] = "maximum_ram_page",
		[XENMEM_maximum_reservation] = "maximum_reservation",
		[XENMEM_current_reservation] = "current_reservation",
		[XENMEM_machphys_mfn_list] = "machphys_mfn_list",
		[XENMEM_populate_physmap] = "populate_physmap",
		[XENMEM_maximum_gpfn] = "maximum_gpfn",
		[XENMEM_set_memory_map] = "set_memory_map",
		[XENMEM_machphys_compat_mfn_list] = "machphys_compat_mfn_list",
		[XENMEM_acquire_resource] = "acquire_resource",
		[XENMEM_get_vnumainfo] = "get_vnumainfo",
	};

	return cmd < sizeof(names) / sizeof(*names) ? names[cmd] : NULL;
}

static const char *flask_name(uint32_t cmd)
{
	switch (cmd) {
	case FLASK_CONTEXT_TO_SID: return "context_to_sid";
	case FLASK_SID_TO_CONTEXT: return "sid_to_context";
	case FLASK_RELABEL_DOMAIN: return "relabel_domain";
	}
	return NULL;
}

static const char *op_name(unsigned op)
{
	static const char *const names[] = {
		[__HYPERVISOR_mmu_update] = "mmu_update",
		[__HYPERVISOR_update_va_mapping] = "update_va_mapping",
		[__HYPERVISOR_memory_op] = "memory",
		[__HYPERVISOR_multicall] = "multicall",
		[__HYPERVISOR_xen_version] = "version",
		[__HYPERVISOR_grant_table_op] = "grant_table",
		[__HYPERVISOR_mmuext_op] = "mmuext",
		[__HYPERVISOR_sched_op] = "sched",
		[__HYPERVISOR_event_channel_op] = "event_channel",
		[__HYPERVISOR_sysctl] = "sysctl",
		[__HYPERVISOR_domctl] = "domctl",
		[__HYPERVISOR_xsm_op] = "flask",
	};

	return op < sizeof(names) / sizeof(*names) && names[op] ? names[op] : "unknown";
}

void call_name(char *name, size_t size, unsigned op, const uint64_t args[CALL_ARGS])
{
	const multicall_entry_t *first = (void *)(uintptr_t)args[0];
	const char *command = NULL;
	uint32_t cmd = args[0];

	if (op == __HYPERVISOR_multicall && args[1] == 1 && first->op == __HYPERVISOR_memory_op) {
		op = __HYPERVISOR_memory_op;
		cmd = first->args[0];
	}
	if (op == __HYPERVISOR_domctl || op == __HYPERVISOR_sysctl || op == __HYPERVISOR_xsm_op)
		cmd = *(uint32_t *)(uintptr_t)args[0];
	if (op == __HYPERVISOR_domctl)
		command = domctl_name(cmd);
	else if (op == __HYPERVISOR_sysctl)
		command = sysctl_name(cmd);
	else if (op == __HYPERVISOR_xsm_op)
		command = flask_name(cmd);
	else if (op == __HYPERVISOR_memory_op)
		command = memory_name(cmd);
	if (command)
		snprintf(name, size, "%s.%s", op_name(op), command);
	else if (op == __HYPERVISOR_domctl || op == __HYPERVISOR_memory_op || op == __HYPERVISOR_sysctl)
		snprintf(name, size, "%s.%u", op_name(op), cmd);
	else
		snprintf(name, size, "%s", op_name(op));
}
