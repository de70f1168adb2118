/*
 * Log-dirty: which of a domain's pages were written to since they were last asked
 * for.  A host without shadow paging has none.
 */
#ifndef SIMHOST_DIRTY_H
#define SIMHOST_DIRTY_H

#include "host.h"

void dirty_mark(struct host *host, uint64_t mfn);

/* XEN_DOMCTL_shadow_op on a domain. */
int dirty_control(struct host *host, struct domain *domain, struct xen_domctl_shadow_op *op);

#endif
