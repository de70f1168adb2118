/*
 * fault: what goes wrong in the machine itself; what goes wrong in one process is in
 * the environment of that process.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "../machine/domain.h"
#include "../machine/frames.h"

/* frees: how many frames can still be had; negative: all that are free. */
static void set_free_frames(struct host *host, long frees)
{
	struct machine *machine = host->machine;

	host_lock(host);
	machine->out_of_memory_below = 0;
	if (frees >= 0 && (uint64_t)frees <= machine->nr_free)
		machine->out_of_memory_below = machine->nr_free - frees;
	host_unlock(host);
}

/* Xen has them for itself from now on, and no domain has: a leak. */
static int lose_frames(struct host *host, unsigned long frames)
{
	int rc = 0;

	host_lock(host);
	while (frames-- && !rc)
		rc = frames_alloc_xen(host) == NO_FRAME;
	host_unlock(host);
	return rc;
}

/* A domain that getdomaininfo says is HVM, and that is all there is of HVM here. */
static int say_hvm(struct host *host, unsigned domid)
{
	struct domain *domain;

	host_lock(host);
	domain = domain_find(host, domid);
	if (domain)
		domain->flags ^= XEN_DOMCTL_CDF_hvm;
	host_unlock(host);
	return !domain;
}

/* "newest" is the domain that was made last. */
static struct domain *which_domain(struct host *host, const char *name)
{
	return domain_find(host, strcmp(name, "newest") ? atoi(name) : host->machine->last_domid);
}

/* Where a page of the domain is, by Xen's M2P; NO_FRAME. */
static uint64_t find_page(struct host *host, const struct domain *domain, uint64_t pfn)
{
	for (uint64_t mfn = 0; mfn < host->machine->nr_frames; mfn++)
		if (host->frames[mfn].refs && host->frames[mfn].owner == domain->domid &&
		    host_m2p(host)[mfn] == pfn)
			return mfn;
	return NO_FRAME;
}

/* One bit of a page, as memory loses it; or all of the page, as if it had never come: at is negative then. */
static int damage_page(struct host *host, const char *name, uint64_t pfn, long at)
{
	struct domain *domain;
	uint64_t mfn;

	host_lock(host);
	domain = which_domain(host, name);
	mfn = domain ? find_page(host, domain, pfn) : NO_FRAME;
	if (mfn != NO_FRAME && at < 0)
		memset(host_page(host, mfn), 0xc2, PAGE_BYTES);
	else if (mfn != NO_FRAME)
		((uint8_t *)host_page(host, mfn))[at % PAGE_BYTES] ^= 2;
	host_unlock(host);
	return mfn == NO_FRAME;
}

/* A register of a vCPU. */
static int damage_vcpu(struct host *host, const char *name, unsigned vcpu)
{
	struct domain *domain;

	host_lock(host);
	domain = which_domain(host, name);
	if (domain && domain->is_32bit)
		domain->vcpus[vcpu % VCPUS_MAX].context.x32.user_regs.ebx ^= 1;
	else if (domain)
		domain->vcpus[vcpu % VCPUS_MAX].context.x64.user_regs.r9 ^= 1;
	host_unlock(host);
	return !domain;
}

int command_fault(int argc, char **argv)
{
	struct host host;

	if (argc < 3)
		return 2;
	if (command_attach(&host, argv[1]))
		return 1;
	if (!strcmp(argv[2], "--memory-back"))
		set_free_frames(&host, -1);
	else if (!strcmp(argv[2], "--free-frames") && argc > 3)
		set_free_frames(&host, atol(argv[3]));
	else if (!strcmp(argv[2], "--lose-frames") && argc > 3)
		return lose_frames(&host, strtoul(argv[3], NULL, 0));
	else if (!strcmp(argv[2], "--hvm") && argc > 3)
		return say_hvm(&host, atoi(argv[3]));
	else if (!strcmp(argv[2], "--flip") && argc > 5)
		return damage_page(&host, argv[3], strtoul(argv[4], NULL, 0), atol(argv[5]));
	else if (!strcmp(argv[2], "--lose") && argc > 4)
		return damage_page(&host, argv[3], strtoul(argv[4], NULL, 0), -1);
	else if (!strcmp(argv[2], "--register") && argc > 4)
		return damage_vcpu(&host, argv[3], atoi(argv[4]));
	else
		return 2;
	return 0;
}
