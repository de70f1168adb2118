/*
 * XENMEM_*: frames given to domains and taken back, and the tables about them.
 */
#include <errno.h>

#include "../machine/domain.h"
#include "../machine/frames.h"
#include "../machine/types.h"
#include "call.h"

enum { ORDER_MAX = 9, EXTENT_ORDER = 9, MEMORY_OP_BITS = 6 };

static struct domain *target(struct call *call, uint16_t domid)
{
	if (domid == DOMID_SELF || domid == call->caller->domid)
		return call->caller;
	return call->caller->privileged ? domain_find(call->host, domid) : NULL;
}

static bool may_grow(const struct domain *domain, unsigned order)
{
	return domain->tot_pages + (1ul << order) <= domain->max_pages;
}

/* Frames for the pfns in the list, which then hold the mfns. */
static long populate(struct call *call, struct xen_memory_reservation *op)
{
	struct domain *domain = target(call, op->domid);
	unsigned order = op->extent_order;
	uint64_t i;

	if (!domain)
		return -ESRCH;
	if (order > ORDER_MAX)
		return -EPERM;
	for (i = 0; i < op->nr_extents; i++) {
		uint64_t pfn = op->extent_start.p[i];
		uint64_t mfn = may_grow(domain, order) ? frames_alloc(call->host, domain, order) : NO_FRAME;

		if (mfn == NO_FRAME)
			break;
		for (uint64_t j = 0; j < 1ul << order; j++)
			frame_set_pfn(call->host, mfn + j, pfn + j);
		op->extent_start.p[i] = mfn;
	}
	return i;
}

static long increase(struct call *call, struct xen_memory_reservation *op)
{
	struct domain *domain = target(call, op->domid);
	uint64_t i;

	if (!domain)
		return -ESRCH;
	for (i = 0; i < op->nr_extents; i++) {
		uint64_t mfn = op->extent_order <= ORDER_MAX && may_grow(domain, op->extent_order)
				     ? frames_alloc(call->host, domain, op->extent_order)
				     : NO_FRAME;

		if (mfn == NO_FRAME)
			break;
		if (op->extent_start.p)
			op->extent_start.p[i] = mfn;
	}
	return i;
}

/* A frame that is pinned stays so, as Xen has it, until its other uses end. */
static int give_back(struct host *host, struct domain *domain, uint64_t mfn)
{
	struct frame *frame = &host->frames[mfn];

	if (frame_get(host, mfn, domain))
		return -EINVAL;
	if (frame->flags & FRAME_XEN_HEAP || !(frame->flags & FRAME_ALLOCATED)) {
		frame_put(host, mfn);
		return -EINVAL;
	}
	if (frame->flags & FRAME_PINNED)
		frame_unpin(host, domain, mfn);
	frame_set_pfn(host, mfn, NO_FRAME);
	frame_release(host, mfn);
	frame_put(host, mfn);
	return 0;
}

static long decrease(struct call *call, struct xen_memory_reservation *op)
{
	struct domain *domain = target(call, op->domid);
	uint64_t i;

	if (!domain)
		return -ESRCH;
	for (i = 0; i < op->nr_extents; i++)
		for (uint64_t j = 0; j < 1ul << op->extent_order; j++)
			if (give_back(call->host, domain, op->extent_start.p[i] + j))
				return i;
	return i;
}

static long list_m2p(uint64_t first, uint64_t frames, struct xen_machphys_mfn_list *op)
{
	unsigned nr = frames >> EXTENT_ORDER;

	if (nr > op->max_extents)
		nr = op->max_extents;
	for (unsigned i = 0; i < nr; i++)
		op->extent_start.p[i] = first + ((uint64_t)i << EXTENT_ORDER);
	op->nr_extents = nr;
	return 0;
}

static long max_pfn(struct call *call, const domid_t *domid)
{
	struct domain *domain = target(call, *domid);
	uint64_t max;
	void *page;

	if (!domain)
		return -ESRCH;
	if (domain->shared_info == NO_FRAME)
		return -EINVAL;
	page = host_page(call->host, domain->shared_info);
	max = domain->is_32bit ? ((struct shared_info_x86_32 *)page)->arch.max_pfn
			       : ((struct shared_info_x86_64 *)page)->arch.max_pfn;
	return max ? max - 1 : 0;
}

static long reservation(struct call *call, const domid_t *domid, bool max)
{
	const struct domain *domain = target(call, *domid);

	if (!domain)
		return -ESRCH;
	return max ? domain->max_pages : domain->tot_pages;
}

static long set_memory_map(struct call *call, const struct xen_foreign_memory_map *map)
{
	struct domain *domain = target(call, map->domid);

	if (!domain)
		return -ESRCH;
	return map->map.nr_entries > 128 ? -E2BIG : 0;
}

/* Frame numbers of a domain's grant table, which grows as far as that takes. */
static long acquire(struct call *call, struct xen_mem_acquire_resource *op)
{
	struct domain *domain = target(call, op->domid);
	int err;

	if (!domain)
		return -ESRCH;
	if (op->type != XENMEM_resource_grant_table || op->id != XENMEM_resource_grant_table_id_shared)
		return -EOPNOTSUPP;
	if (!op->frame_list.p) {
		op->nr_frames = domain->max_grant_frames;
		return 0;
	}
	err = domain_grow_grants(call->host, domain, op->frame + op->nr_frames);
	if (err)
		return -EINVAL;
	for (uint32_t i = 0; i < op->nr_frames; i++)
		op->frame_list.p[i] = domain->grant_frames[op->frame + i];
	return 0;
}

static long about_machine(struct call *call, unsigned cmd, void *arg)
{
	const struct machine *machine = call->host->machine;

	switch (cmd) {
	case XENMEM_maximum_ram_page: return machine->nr_frames - 1;
	case XENMEM_machphys_mfn_list: return list_m2p(machine->m2p, machine->m2p_frames, arg);
	case XENMEM_machphys_compat_mfn_list:
		return list_m2p(machine->compat_m2p, machine->compat_m2p_frames, arg);
	}
	return -ENOSYS;
}

long call_memory(struct call *call, unsigned cmd, void *arg)
{
	switch (cmd & ((1u << MEMORY_OP_BITS) - 1)) {
	case XENMEM_populate_physmap: return populate(call, arg);
	case XENMEM_increase_reservation: return increase(call, arg);
	case XENMEM_decrease_reservation: return decrease(call, arg);
	case XENMEM_maximum_gpfn: return max_pfn(call, arg);
	case XENMEM_current_reservation: return reservation(call, arg, false);
	case XENMEM_maximum_reservation: return reservation(call, arg, true);
	case XENMEM_set_memory_map: return set_memory_map(call, arg);
	case XENMEM_acquire_resource: return acquire(call, arg);
	case XENMEM_set_pod_target: return 0; /* of a PV guest there is nothing to set */
	case XENMEM_get_vnumainfo:
		return -EOPNOTSUPP; /* no guest here has vNUMA; xl asks before it saves one */
	}
	return about_machine(call, cmd, arg);
}
