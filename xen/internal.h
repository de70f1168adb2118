/* What the files of xen/ share; nobody else includes this. */
#ifndef XEN_INTERNAL_H
#define XEN_INTERNAL_H

#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xenguest.h>
#include <xenstore.h>

#include "xen/domain.h"

struct host {
	xc_interface *xc;
	xenforeignmemory_handle *memory;
	struct xs_handle *store;
	xentoollog_logger *logger;
};

struct domain {
	struct host *host;
	uint32_t id;
};

static inline xc_interface *xc_of(const struct domain *domain)
{
	return domain->host->xc;
}

#endif
