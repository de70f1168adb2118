/*
 * The bitmap of written pages.  Who writes calls dirty_mark; what a process of
 * the privileged domain writes through its mappings is marked when it maps.
 */
#include <errno.h>
#include <string.h>

#include "dirty.h"
#include "domain.h"
#include "frames.h"

enum { BITS = 64 };

void dirty_mark(struct host *host, uint64_t mfn)
{
	struct domain *domain = domain_find_any(host, host->frames[mfn].owner);
	uint64_t pfn = host_m2p(host)[mfn];

	if (!domain || !domain->log_dirty || pfn >= DIRTY_PFNS_MAX)
		return;
	if (domain->dirty[pfn / BITS] >> (pfn % BITS) & 1)
		return;
	domain->dirty[pfn / BITS] |= 1ul << (pfn % BITS);
	domain->dirty_count++;
}

static int enable(struct domain *domain)
{
	if (domain->log_dirty)
		return -EINVAL;
	memset(domain->dirty, 0, sizeof(domain->dirty));
	domain->dirty_count = 0;
	domain->log_dirty = true;
	return 0;
}

static void copy_bitmap(struct domain *domain, uint8_t *to, uint64_t pages)
{
	uint64_t tail = pages % 8;

	memcpy(to, domain->dirty, pages / 8);
	if (tail)
		to[pages / 8] = ((uint8_t *)domain->dirty)[pages / 8] & ((1u << tail) - 1);
}

static int peek(struct domain *domain, struct xen_domctl_shadow_op *op, bool clear)
{
	if (!domain->log_dirty)
		return -EINVAL;
	if (op->pages > DIRTY_PFNS_MAX)
		op->pages = DIRTY_PFNS_MAX;
	op->stats.fault_count = domain->dirty_faults;
	op->stats.dirty_count = domain->dirty_count;
	if (op->dirty_bitmap.p)
		copy_bitmap(domain, (uint8_t *)op->dirty_bitmap.p, op->pages);
	if (clear) {
		memset(domain->dirty, 0, sizeof(domain->dirty));
		domain->dirty_count = 0;
		domain->dirty_faults = 0;
	}
	return 0;
}

int dirty_control(struct host *host, struct domain *domain, struct xen_domctl_shadow_op *op)
{
	if (!host->machine->has_shadow)
		return op->op == XEN_DOMCTL_SHADOW_OP_OFF ? -EINVAL : -EOPNOTSUPP;
	switch (op->op) {
	case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
		return enable(domain);
	case XEN_DOMCTL_SHADOW_OP_OFF:
		domain->log_dirty = false;
		return 0;
	case XEN_DOMCTL_SHADOW_OP_CLEAN:
		return peek(domain, op, true);
	case XEN_DOMCTL_SHADOW_OP_PEEK:
		return peek(domain, op, false);
	}
	return -EINVAL;
}
