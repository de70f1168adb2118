/*
 * XEN_DOMCTL_*: where a domain is to run, and with what share. It is kept as it was asked for; nothing here runs by it.
 */
#include <errno.h>
#include <string.h>

#include "call.h"

enum { HARD, SOFT, DEFAULT_WEIGHT = 256 };

static void set_map(uint64_t *kept, const struct xenctl_bitmap *map)
{
	*kept = 0;
	memcpy(kept, map->bitmap.p,
	       (map->nr_bits + 7) / 8 < sizeof(*kept) ? (map->nr_bits + 7) / 8 : sizeof(*kept));
}

static void get_map(uint64_t kept, struct xenctl_bitmap *map)
{
	uint64_t all = kept ? kept : ~0ul;
	uint32_t bytes = (map->nr_bits + 7) / 8;

	memset(map->bitmap.p, 0, bytes);
	memcpy(map->bitmap.p, &all, bytes < sizeof(all) ? bytes : sizeof(all));
}

static long affinity(struct domain *domain, struct xen_domctl *op)
{
	struct xen_domctl_vcpuaffinity *what = &op->u.vcpuaffinity;
	bool sets = op->cmd == XEN_DOMCTL_setvcpuaffinity;
	uint64_t *kept;

	if (what->vcpu >= domain->nr_vcpus)
		return -ESRCH;
	kept = domain->vcpus[what->vcpu].affinity;
	if (sets && what->flags & XEN_VCPUAFFINITY_HARD)
		set_map(&kept[HARD], &what->cpumap_hard);
	if (sets && what->flags & XEN_VCPUAFFINITY_SOFT)
		set_map(&kept[SOFT], &what->cpumap_soft);
	if (what->flags & XEN_VCPUAFFINITY_HARD)
		get_map(kept[HARD], &what->cpumap_hard);
	if (what->flags & XEN_VCPUAFFINITY_SOFT)
		get_map(kept[SOFT], &what->cpumap_soft);
	return 0;
}

static long scheduling(struct domain *domain, struct xen_domctl_scheduler_op *op)
{
	if (op->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	if (op->cmd == XEN_DOMCTL_SCHEDOP_getinfo) {
		op->u.credit2.weight = domain->weight ? domain->weight : DEFAULT_WEIGHT;
		op->u.credit2.cap = domain->cap;
		return 0;
	}
	if (op->cmd != XEN_DOMCTL_SCHEDOP_putinfo)
		return -EINVAL;
	if (op->u.credit2.weight)
		domain->weight = op->u.credit2.weight;
	domain->cap = op->u.credit2.cap;
	return 0;
}

long call_domctl_place(struct domain *domain, struct xen_domctl *op)
{
	return op->cmd == XEN_DOMCTL_scheduler_op ? scheduling(domain, &op->u.scheduler_op)
						  : affinity(domain, op);
}
