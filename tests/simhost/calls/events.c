/*
 * EVTCHNOP_* and SCHEDOP_*.
 */
#include <errno.h>

#include "../machine/domain.h"
#include "../machine/ports.h"
#include "call.h"

static struct domain *target(struct call *call, uint16_t domid)
{
	if (domid == DOMID_SELF || domid == call->caller->domid)
		return call->caller;
	return call->caller->privileged ? domain_find(call->host, domid) : NULL;
}

static long number_or_error(int ret, evtchn_port_t *port)
{
	if (ret < 0)
		return ret;
	*port = ret;
	return 0;
}

static long alloc_unbound(struct call *call, struct evtchn_alloc_unbound *op)
{
	struct domain *domain = target(call, op->dom);
	uint16_t remote = op->remote_dom == DOMID_SELF ? call->caller->domid : op->remote_dom;

	if (!domain)
		return call->caller->privileged ? -ESRCH : -EPERM;
	return number_or_error(port_alloc_unbound(call->host, domain, remote), &op->port);
}

static long bind_interdomain(struct call *call, struct evtchn_bind_interdomain *op)
{
	int ret = port_bind_interdomain(call->host, call->caller, op->remote_dom, op->remote_port);

	return number_or_error(ret, &op->local_port);
}

static long reset(struct call *call, const struct evtchn_reset *op)
{
	struct domain *domain = target(call, op->dom);

	if (!domain)
		return -ESRCH;
	for (uint32_t port = 1; port <= domain->max_port; port++)
		port_close(call->host, domain, port);
	return 0;
}

long call_event_channel(struct call *call, unsigned cmd, void *arg)
{
	switch (cmd) {
	case EVTCHNOP_alloc_unbound: return alloc_unbound(call, arg);
	case EVTCHNOP_bind_interdomain: return bind_interdomain(call, arg);
	case EVTCHNOP_bind_virq:
		return number_or_error(
			port_bind_virq(call->host, call->caller, ((struct evtchn_bind_virq *)arg)->virq),
			&((struct evtchn_bind_virq *)arg)->port);
	case EVTCHNOP_close: return port_close(call->host, call->caller, ((struct evtchn_close *)arg)->port);
	case EVTCHNOP_send: return port_send(call->host, call->caller, ((struct evtchn_send *)arg)->port);
	case EVTCHNOP_unmask:
		return port_unmask(call->host, call->caller, ((struct evtchn_unmask *)arg)->port);
	case EVTCHNOP_reset: return reset(call, arg);
	}
	return -ENOSYS;
}

static long remote_shutdown(struct call *call, const struct sched_remote_shutdown *op)
{
	struct domain *domain = domain_find(call->host, op->domain_id);

	if (!call->caller->privileged)
		return -EPERM;
	if (!domain)
		return -ESRCH;
	domain_shutdown(call->host, domain, op->reason);
	return 0;
}

long call_sched(struct call *call, unsigned cmd, void *arg)
{
	switch (cmd) {
	case SCHEDOP_yield:
	case SCHEDOP_block: return 0;
	case SCHEDOP_shutdown:
		domain_shutdown(call->host, call->caller, ((struct sched_shutdown *)arg)->reason);
		return 0;
	case SCHEDOP_remote_shutdown: return remote_shutdown(call, arg);
	}
	return -ENOSYS;
}
