/*
 * XEN_DOMCTL_*: domains as wholes.
 */
#include <errno.h>
#include <string.h>

#include "../machine/cpu-policy.h"
#include "../machine/dirty.h"
#include "../machine/domain.h"
#include "../machine/flask.h"
#include "../machine/frames.h"
#include "../machine/ports.h"
#include "../machine/refs.h"
#include "../machine/types.h"
#include "call.h"

enum { PAGE_INFO_MAX = 1024, TSC_ALWAYS_EMULATE = 1, TSC_NEVER_EMULATE = 2 };

static long create(struct call *call, struct xen_domctl *op)
{
	struct domain *domain;
	int err;

	if (call->host->machine->flask && !flask_label(call->host, op->u.createdomain.ssidref))
		return -EACCES;
	err = domain_create(call->host, op->domain, &op->u.createdomain, &domain);

	if (!err)
		op->domain = domain->domid;
	return err;
}

static long get_info(struct call *call, struct xen_domctl *op)
{
	struct domain *domain = domain_find(call->host, op->domain);

	if (!domain)
		return -ESRCH;
	domain_info(call->host, domain, &op->u.getdomaininfo);
	return 0;
}

static uint32_t frame_info(struct host *host, const struct domain *domain, uint64_t mfn)
{
	const struct frame *frame = &host->frames[mfn];
	uint32_t info;

	if (!frame_exists(host, mfn) || !frame->refs || frame->owner != domain->domid ||
	    frame->flags & FRAME_XEN_HEAP)
		return XEN_DOMCTL_PFINFO_XTAB;
	if (frame->flags & FRAME_BROKEN)
		return XEN_DOMCTL_PFINFO_BROKEN;
	info = frame_level(frame->type) << XEN_DOMCTL_PFINFO_LTAB_SHIFT;
	if (frame->flags & FRAME_PINNED)
		return info | XEN_DOMCTL_PFINFO_LPINTAB;
	return frame->flags & FRAME_VALIDATED ? info : XEN_DOMCTL_PFINFO_NOTAB;
}

static long get_frame_info(struct call *call, struct domain *domain, struct xen_domctl_getpageframeinfo3 *op)
{
	if (op->num > PAGE_INFO_MAX)
		return -E2BIG;
	for (uint64_t i = 0; i < op->num; i++)
		op->array.p[i] = frame_info(call->host, domain, op->array.p[i]);
	return 0;
}

static long set_max_vcpus(struct domain *domain, uint32_t max)
{
	if (!max || max != domain->max_vcpus)
		return -EINVAL;
	domain->nr_vcpus = max;
	return 0;
}

static long get_tsc(const struct domain *domain, struct xen_domctl_tsc_info *info)
{
	info->tsc_mode = domain->tsc_mode;
	info->gtsc_khz = domain->tsc_khz;
	info->incarnation = domain->tsc_incarnation;
	info->elapsed_nsec = domain->tsc_nsec;
	return 0;
}

static long set_tsc(struct domain *domain, const struct xen_domctl_tsc_info *info)
{
	if (info->tsc_mode > TSC_NEVER_EMULATE)
		return -EINVAL;
	domain->tsc_mode = info->tsc_mode;
	if (info->gtsc_khz)
		domain->tsc_khz = info->gtsc_khz;
	domain->tsc_nsec = info->elapsed_nsec;
	domain->tsc_incarnation = info->incarnation + 1;
	return 0;
}

static long subscribe(struct domain *domain, uint32_t port)
{
	if (port >= PORTS_MAX || (port && domain->ports[port].state == PORT_CLOSED))
		return -EINVAL;
	domain->suspend_port = port;
	return 0;
}

static long resume(struct domain *domain)
{
	domain_resume(domain);
	return 0;
}

static long pause(struct domain *domain)
{
	domain_pause(domain);
	return 0;
}

static long destroy(struct call *call, struct domain *domain)
{
	domain_destroy(call->host, domain);
	refs_reap(call->host);
	return 0;
}

static long control(struct call *call, struct domain *domain, struct xen_domctl *op)
{
	switch (op->cmd) {
	case XEN_DOMCTL_destroydomain: return destroy(call, domain);
	case XEN_DOMCTL_pausedomain: return pause(domain);
	case XEN_DOMCTL_unpausedomain: return domain_unpause(domain);
	case XEN_DOMCTL_resumedomain: return resume(domain);
	case XEN_DOMCTL_subscribe: return subscribe(domain, op->u.subscribe.port);
	case XEN_DOMCTL_max_vcpus: return set_max_vcpus(domain, op->u.max_vcpus.max);
	case XEN_DOMCTL_max_mem: domain->max_pages = op->u.max_mem.max_memkb / 4; return 0;
	case XEN_DOMCTL_setdomainhandle:
		memcpy(domain->handle, op->u.setdomainhandle.handle, sizeof(domain->handle));
		return 0;
	case XEN_DOMCTL_set_address_size:
		return domain_set_address_size(call->host, domain, op->u.address_size.size);
	case XEN_DOMCTL_get_address_size: op->u.address_size.size = domain->is_32bit ? 32 : 64; return 0;
	case XEN_DOMCTL_settimeoffset:
	case XEN_DOMCTL_setnodeaffinity:
	case XEN_DOMCTL_hypercall_init: /* no instructions are executed */
	case XEN_DOMCTL_setdebugging: return 0;
#ifdef XEN_DOMCTL_set_llc_colors /* since 4.20; libxl asks for none of each domain, and takes this for done */
	case XEN_DOMCTL_set_llc_colors: return -EOPNOTSUPP;
#endif
	}
	return -ENOSYS;
}

static long on_domain(struct call *call, struct domain *domain, struct xen_domctl *op)
{
	long ret = control(call, domain, op);

	if (ret != -ENOSYS)
		return ret;
	switch (op->cmd) {
	case XEN_DOMCTL_getpageframeinfo3: return get_frame_info(call, domain, &op->u.getpageframeinfo3);
	case XEN_DOMCTL_shadow_op: return dirty_control(call->host, domain, &op->u.shadow_op);
	case XEN_DOMCTL_gettscinfo: return get_tsc(domain, &op->u.tsc_info);
	case XEN_DOMCTL_settscinfo: return set_tsc(domain, &op->u.tsc_info);
	case XEN_DOMCTL_setvcpuaffinity:
	case XEN_DOMCTL_getvcpuaffinity:
	case XEN_DOMCTL_scheduler_op: return call_domctl_place(domain, op);
	case XEN_DOMCTL_get_cpu_policy: return cpu_policy_get(&domain->policy, &op->u.cpu_policy);
	case XEN_DOMCTL_set_cpu_policy: return cpu_policy_set(call->host, domain, &op->u.cpu_policy);
	}
	return call_domctl_vcpu(call, domain, op);
}

long call_domctl(struct call *call, struct xen_domctl *op)
{
	struct domain *domain;

	if (!call->caller->privileged)
		return -EPERM;
	if (op->interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -EACCES;
	if (op->cmd == XEN_DOMCTL_createdomain)
		return create(call, op);
	if (op->cmd == XEN_DOMCTL_getdomaininfo)
		return get_info(call, op);
	domain = domain_find(call->host, op->domain);
	if (!domain)
		return -ESRCH;
	if (domain == call->caller)
		return -EINVAL;
	return on_domain(call, domain, op);
}
