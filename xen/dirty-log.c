/*
 * Xen's log of the pages a guest has written to: shadow paging, for a PV guest.
 * Not in today's builds (XSA-495): there the first call says EOPNOTSUPP.
 */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "xen/internal.h"

static int control(struct domain *domain, unsigned int op)
{
	return xc_shadow_control(xc_of(domain), domain->id, op, NULL, 0);
}

int domain_log_start(struct domain *domain)
{
	int error;

	if (control(domain, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY) >= 0)
		return 0;
	error = errno;
	/* It may still be on from one who died. */
	if (control(domain, XEN_DOMCTL_SHADOW_OP_OFF) >= 0 &&
	    control(domain, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY) >= 0)
		return 0;
	if (error == EOPNOTSUPP)
		return fail(error, "this Xen has no log-dirty for PV domains (XSA-495): --dirty-tracking "
				   "content works without it");
	errno = error;
	return fail_errno("Xen does not log the pages domain %u writes to", domain->id);
}

void domain_log_stop(struct domain *domain)
{
	/* A guest that stays on shadow tables is slow for good. */
	if (control(domain, XEN_DOMCTL_SHADOW_OP_OFF) < 0)
		control(domain, XEN_DOMCTL_SHADOW_OP_OFF);
}

int domain_log_take(struct domain *domain, uint64_t *bits, uint64_t pfns)
{
	DECLARE_HYPERCALL_BUFFER(uint64_t, buffer);
	size_t bytes = (pfns + 63) / 64 * sizeof(*bits);
	long long got;

	buffer = xc_hypercall_buffer_alloc(xc_of(domain), buffer, bytes);
	if (!buffer)
		return fail(ENOMEM, "out of memory for the log of written pages");
	memset(buffer, 0, bytes);
	got = xc_logdirty_control(xc_of(domain), domain->id, XEN_DOMCTL_SHADOW_OP_CLEAN,
				  HYPERCALL_BUFFER(buffer), pfns, 0, NULL);
	for (size_t i = 0; i < bytes / sizeof(*bits); i++)
		bits[i] |= buffer[i];
	xc_hypercall_buffer_free(xc_of(domain), buffer);
	if (got < 0)
		return fail_errno("Xen does not report which pages domain %u has written to", domain->id);
	if ((uint64_t)got != pfns)
		return fail(ERANGE, "Xen's log of domain %u ends at pfn %#llx of %#lx", domain->id, got,
			    pfns);
	return 0;
}
