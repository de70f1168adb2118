/*
 * Hypercalls.  A caller's handles are pointers in the process that makes the call;
 * a guest's are those of the process that runs it.  The machine is locked from
 * beginning to end, so each call is one step.
 */
#ifndef SIMHOST_CALL_H
#define SIMHOST_CALL_H

#include "../machine/host.h"

enum { CALL_ARGS = 5 };

struct call {
	struct host *host;
	struct domain *caller;
	struct vcpu *vcpu; /* the caller's, that makes the call */
};

/* What Xen would return: >= 0 or -errno. */
long hypercall(struct host *host, uint16_t caller, unsigned vcpu, unsigned op,
	       const uint64_t args[CALL_ARGS]);

/* "domctl.getpageframeinfo3", "memory.populate_physmap", "mmuext", ...: for traces
 * and for whoever wants one kind of call to fail. */
void call_name(char *name, size_t size, unsigned op, const uint64_t args[CALL_ARGS]);

/* The groups, each in its file; not locked, for hypercall() only. */
long call_domctl(struct call *call, struct xen_domctl *op);
long call_domctl_vcpu(struct call *call, struct domain *domain, struct xen_domctl *op);
long call_domctl_place(struct domain *domain, struct xen_domctl *op);
struct xen_flask_op;
long call_flask(struct call *call, struct xen_flask_op *op);
long call_sysctl(struct call *call, struct xen_sysctl *op);
long call_memory(struct call *call, unsigned cmd, void *arg);
long call_mmuext(struct call *call, struct mmuext_op *ops, unsigned nr, uint32_t *done, uint16_t foreign);
long call_mmu_update(struct call *call, struct mmu_update *updates, unsigned nr, uint32_t *done,
		     uint32_t foreign);
long call_update_va_mapping(struct call *call, uint64_t va, uint64_t entry, uint64_t flags);
long call_event_channel(struct call *call, unsigned cmd, void *arg);
long call_grant_table(struct call *call, unsigned cmd, void *ops, unsigned nr);
long call_sched(struct call *call, unsigned cmd, void *arg);
long call_version(struct call *call, unsigned cmd, void *arg);

#endif
