/*
 * XEN_DOMCTL_*: one vCPU of a domain.
 */
#include <errno.h>

#include "../machine/refs.h"
#include "../machine/vcpu.h"
#include "call.h"

static struct vcpu *vcpu_of(struct domain *domain, uint32_t number)
{
	return number < domain->nr_vcpus ? &domain->vcpus[number] : NULL;
}

static long get_info(struct domain *domain, struct xen_domctl_getvcpuinfo *info)
{
	const struct vcpu *vcpu = vcpu_of(domain, info->vcpu);

	if (!vcpu)
		return -ESRCH;
	info->online = vcpu->online;
	info->blocked = 0;
	info->running = 0;
	info->cpu_time = vcpu->run_ns;
	info->cpu = 0;
	return 0;
}

static long get_context(struct call *call, struct domain *domain, struct xen_domctl_vcpucontext *op)
{
	struct vcpu *vcpu = vcpu_of(domain, op->vcpu);

	return vcpu ? vcpu_get_context(call->host, domain, vcpu, op->ctxt.p) : -ESRCH;
}

static long set_context(struct call *call, struct domain *domain, struct xen_domctl_vcpucontext *op)
{
	struct vcpu *vcpu = vcpu_of(domain, op->vcpu);

	int err;

	if (!vcpu)
		return -EINVAL;
	err = vcpu_set_context(call->host, domain, vcpu, op->ctxt.p);
	if (err && refs_reap(call->host))
		err = vcpu_set_context(call->host, domain, vcpu, op->ctxt.p);
	return err;
}

static uint32_t number_in(const struct xen_domctl *op)
{
	switch (op->cmd) {
	case XEN_DOMCTL_get_ext_vcpucontext:
	case XEN_DOMCTL_set_ext_vcpucontext: return op->u.ext_vcpucontext.vcpu;
	case XEN_DOMCTL_getvcpuextstate:
	case XEN_DOMCTL_setvcpuextstate: return op->u.vcpuextstate.vcpu;
	}
	return op->u.vcpu_msrs.vcpu;
}

static long more_state(struct domain *domain, struct xen_domctl *op)
{
	struct vcpu *vcpu = vcpu_of(domain, number_in(op));

	if (!vcpu)
		return -ESRCH;
	switch (op->cmd) {
	case XEN_DOMCTL_get_ext_vcpucontext: return vcpu_get_extended(vcpu, &op->u.ext_vcpucontext);
	case XEN_DOMCTL_set_ext_vcpucontext: return vcpu_set_extended(vcpu, &op->u.ext_vcpucontext);
	case XEN_DOMCTL_getvcpuextstate: return vcpu_get_xsave(vcpu, &op->u.vcpuextstate);
	case XEN_DOMCTL_setvcpuextstate: return vcpu_set_xsave(vcpu, &op->u.vcpuextstate);
	case XEN_DOMCTL_get_vcpu_msrs: return vcpu_get_msrs(vcpu, &op->u.vcpu_msrs);
	}
	return vcpu_set_msrs(vcpu, &op->u.vcpu_msrs);
}

long call_domctl_vcpu(struct call *call, struct domain *domain, struct xen_domctl *op)
{
	switch (op->cmd) {
	case XEN_DOMCTL_getvcpuinfo: return get_info(domain, &op->u.getvcpuinfo);
	case XEN_DOMCTL_getvcpucontext: return get_context(call, domain, &op->u.vcpucontext);
	case XEN_DOMCTL_setvcpucontext: return set_context(call, domain, &op->u.vcpucontext);
	case XEN_DOMCTL_get_ext_vcpucontext:
	case XEN_DOMCTL_set_ext_vcpucontext:
	case XEN_DOMCTL_getvcpuextstate:
	case XEN_DOMCTL_setvcpuextstate:
	case XEN_DOMCTL_get_vcpu_msrs:
	case XEN_DOMCTL_set_vcpu_msrs: return more_state(domain, op);
	}
	return -ENOSYS;
}
