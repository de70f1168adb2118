/* What the files of xen/ share; no other folder includes this. */
#ifndef XEN_INTERNAL_H
#define XEN_INTERNAL_H

#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xenstore.h>

#include "xen/domain.h"

/* "Any number for the new domain": what Xen 4.22 insists on, and what all before it take as well. */
#ifndef DOMID_ANY
#define DOMID_ANY 0x7FF5
#endif

/* SECINITSID_DOMU of Xen's FLASK since 4.17: what libxl asks for where the config has no label. */
enum { SSIDREF_USUAL = 12 };

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
