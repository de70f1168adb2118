/*
 * GNTTABOP_*: a domain's grant table, as far as its set-up goes.
 */
#include <errno.h>

#include "../machine/domain.h"
#include "../machine/frames.h"
#include "call.h"

static struct domain *target(struct call *call, uint16_t domid)
{
	if (domid == DOMID_SELF || domid == call->caller->domid)
		return call->caller;
	return call->caller->privileged ? domain_find(call->host, domid) : NULL;
}

static int16_t set_up(struct call *call, struct gnttab_setup_table *op)
{
	struct domain *domain = target(call, op->dom);

	if (!domain)
		return GNTST_bad_domain;
	if (domain_grow_grants(call->host, domain, op->nr_frames))
		return GNTST_general_error;
	for (uint32_t i = 0; i < op->nr_frames; i++)
		op->frame_list.p[i] = domain->grant_frames[i];
	return GNTST_okay;
}

static int16_t query_size(struct call *call, struct gnttab_query_size *op)
{
	struct domain *domain = target(call, op->dom);

	if (!domain)
		return GNTST_bad_domain;
	op->nr_frames = domain->nr_grant_frames;
	op->max_nr_frames = domain->max_grant_frames;
	return GNTST_okay;
}

long call_grant_table(struct call *call, unsigned cmd, void *ops, unsigned nr)
{
	struct gnttab_setup_table *setup = ops;
	struct gnttab_query_size *query = ops;

	if (nr != 1)
		return -EINVAL;
	switch (cmd) {
	case GNTTABOP_setup_table: setup->status = set_up(call, setup); return 0;
	case GNTTABOP_query_size: query->status = query_size(call, query); return 0;
	}
	return -ENOSYS;
}
