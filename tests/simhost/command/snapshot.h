/*
 * A guest as somebody sees it who knows the whole machine: by pfn, without mfns.
 */
#ifndef SIMHOST_SNAPSHOT_H
#define SIMHOST_SNAPSHOT_H

#include "../machine/host.h"

struct snapshot {
	struct host *host;
	struct domain *domain;
	uint64_t nr_pages;
	uint64_t *mfns; /* by pfn, NO_FRAME where there is none: from the M2P */
};

/* Reads where the pages are; the lock is held, and stays so while it is in use. */
int snapshot_init(struct snapshot *snapshot, struct host *host, uint16_t domid);
void snapshot_release(struct snapshot *snapshot);

/* The page with everything that names frames turned into pfns; tables in the form
 * that Xen's own bits do not show in.  what: "table 1".."table 4", "p2m", ..., for
 * messages.  NULL if the page is not there. */
const uint8_t *snapshot_page(const struct snapshot *snapshot, uint64_t pfn, uint8_t *buffer);

/* The vCPU's context likewise: bytes of it are put into the buffer. */
size_t snapshot_vcpu(const struct snapshot *snapshot, unsigned vcpu, void *buffer);

/* A frame's pfn, or a marked value for one that is not the guest's. */
uint64_t snapshot_pfn(const struct snapshot *snapshot, uint64_t mfn);

/* Type and pin of a page: 0 for anything but page tables. */
unsigned snapshot_type(const struct snapshot *snapshot, uint64_t pfn);

#endif
