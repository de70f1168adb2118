/*
 * An empty domain, and what Xen has to be told of it before it has memory. In: struct domain_plan. Out: a domain
 * without a page, which Xen has created paused. The trap: its number is known to others as soon as it exists, so
 * on_created() writes it down before anything else is done: a builder that dies then leaves nothing that is not found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "xen/internal.h"

/* As libxl has them, and before the first page: setmaxmem bounds what a hostile stream makes us ask for. */
static int give_limits(struct domain *domain, const struct domain_plan *plan)
{
	xc_interface *xc = xc_of(domain);

	if (xc_domain_max_vcpus(xc, domain->id, plan->vcpus))
		return fail_errno("cannot give the domain %u vCPUs", plan->vcpus);
	if (xc_domain_setmaxmem(xc, domain->id, plan->most_kib))
		return fail_errno("cannot allow the domain %lu KiB", plan->most_kib);
	if (xc_domain_set_memmap_limit(xc, domain->id, plan->map_limit_kib))
		return fail_errno("cannot set the domain's memory map to %lu KiB", plan->map_limit_kib);
	if (xc_domain_set_tsc_info(xc, domain->id, 0, 0, 0, 0))
		return fail_errno("cannot set the domain's TSC mode");
	return 0;
}

/* What libxl takes where the config names none: the newest the hypervisor has. */
static unsigned int grant_version(struct host *host, unsigned int wanted)
{
	xc_physinfo_t facts = { 0 };

	if (wanted || xc_physinfo(host->xc, &facts))
		return wanted;
	return facts.capabilities & XEN_SYSCTL_PHYSCAP_gnttab_v2 ? 2
	     : facts.capabilities & XEN_SYSCTL_PHYSCAP_gnttab_v1 ? 1
								 : 0;
}

int domain_create(struct domain **domain, struct host *host, const struct domain_plan *plan)
{
	struct xen_domctl_createdomain create = {
		.max_vcpus = plan->vcpus,
		.max_evtchn_port = plan->event_channels,
		.max_grant_frames = plan->grant_frames,
		.max_maptrack_frames = plan->maptrack_frames,
		.grant_opts = XEN_DOMCTL_GRANT_version(grant_version(host, plan->grant_version)),
		.cpupool_id = plan->cpupool,
		/* Number 0 is no label, and a policy that is enforced refuses it. */
		.ssidref = plan->ssidref ? plan->ssidref : SSIDREF_USUAL,
		.arch.misc_flags = plan->msr_relaxed ? XEN_X86_MSR_RELAXED : 0,
	};
	uint32_t id = DOMID_ANY;
	int rc;

	*domain = NULL;
	memcpy(create.handle, plan->uuid, sizeof(create.handle));
	if (xc_domain_create(host->xc, &id, &create))
		return fail_errno("Xen will not create a domain");
	if (plan->on_created)
		plan->on_created(id, plan->context);
	rc = domain_open(domain, host, id);
	if (rc) {
		xc_domain_destroy(host->xc, id);
		return rc;
	}
	rc = give_limits(*domain, plan);
	if (rc) {
		xc_domain_destroy(host->xc, id);
		domain_close(*domain);
		*domain = NULL;
	}
	return rc;
}

int domain_width(struct domain *domain, unsigned int *width)
{
	return xc_domain_get_guest_width(xc_of(domain), domain->id, width)
		     ? fail_errno("cannot ask for domain %u's width", domain->id)
		     : 0;
}

int domain_set_width(struct domain *domain, unsigned int width)
{
	struct xen_domctl domctl = {
		.cmd = XEN_DOMCTL_set_address_size,
		.interface_version = XEN_DOMCTL_INTERFACE_VERSION,
		.domain = domain->id,
		.u.address_size.size = width * 8,
	};

	if (!xc_domctl(xc_of(domain), &domctl))
		return 0;
	return errno == EOPNOTSUPP ? fail(EOPNOTSUPP, "this Xen is built without 32-bit PV guests")
				   : fail_errno("cannot make domain %u a %u-bit one", domain->id, width * 8);
}

int domain_alloc_port(struct domain *domain, uint32_t *port)
{
	int rc = xc_evtchn_alloc_unbound(xc_of(domain), domain->id, 0);

	if (rc < 0)
		return fail_errno("cannot allocate an event channel");
	*port = rc;
	return 0;
}
