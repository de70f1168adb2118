/*
 * The bitmap of written pages.  A guest's stores get here when their shadow is made
 * writable, which each look at the bitmap undoes; the hypervisor's own writes at once.
 * What a process of domain 0 writes through its mappings is not seen, as on Xen.
 */
#include <errno.h>
#include <string.h>

#include "dirty.h"
#include "domain.h"
#include "frames.h"
#include "shadow.h"

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

static int enable(struct host *host, struct domain *domain)
{
	if (domain->log_dirty)
		return -EINVAL;
	if (!shadow_has_room(host, domain))
		return -ENOMEM;
	shadow_flush_all(host, domain);
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

static int peek(struct host *host, struct domain *domain, struct xen_domctl_shadow_op *op, bool clear)
{
	if (!domain->log_dirty)
		return -EINVAL;
	if (op->pages > DIRTY_PFNS_MAX)
		op->pages = DIRTY_PFNS_MAX;
	op->stats.fault_count = domain->shadow.counts.fills;
	op->stats.dirty_count = domain->dirty_count;
	if (op->dirty_bitmap.p)
		copy_bitmap(domain, (uint8_t *)op->dirty_bitmap.p, op->pages);
	if (clear) {
		memset(domain->dirty, 0, sizeof(domain->dirty));
		domain->dirty_count = 0;
		shadow_flush_all(host, domain);
	}
	return 0;
}

int dirty_control(struct host *host, struct domain *domain, struct xen_domctl_shadow_op *op)
{
	if (!host->machine->has_shadow)
		return op->op == XEN_DOMCTL_SHADOW_OP_OFF ? -EINVAL : -EOPNOTSUPP;
	switch (op->op) {
	case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY: return enable(host, domain);
	case XEN_DOMCTL_SHADOW_OP_OFF: domain->log_dirty = false; return 0;
	case XEN_DOMCTL_SHADOW_OP_CLEAN: return peek(host, domain, op, true);
	case XEN_DOMCTL_SHADOW_OP_PEEK: return peek(host, domain, op, false);
	}
	return -EINVAL;
}
