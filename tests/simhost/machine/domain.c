/*
 * Life and death of domains.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu-policy.h"
#include "domain.h"
#include "frames.h"
#include "ports.h"
#include "refs.h"
#include "shadow.h"
#include "types.h"
#include "vcpu.h"

enum { NOBODY = 0xffff, DEFAULT_GRANT_FRAMES = 64, TSC_KHZ = 2400000 };

void domain_init_table(struct host *host)
{
	memset(host->machine->domids, 0xff, sizeof(host->machine->domids));
}

struct domain *domain_find_any(struct host *host, uint16_t domid)
{
	for (unsigned i = 0; i < DOMAINS_MAX; i++)
		if (host->machine->domids[i] == domid && domid != NOBODY)
			return &host->machine->domains[i];
	return NULL;
}

struct domain *domain_find(struct host *host, uint16_t domid)
{
	struct domain *domain = domain_find_any(host, domid);

	return domain && !domain->dying ? domain : NULL;
}

struct domain *domain_next(struct host *host, uint32_t from)
{
	struct domain *best = NULL;

	for (unsigned i = 0; i < DOMAINS_MAX; i++) {
		uint16_t domid = host->machine->domids[i];

		if (domid == NOBODY || domid < from || (best && best->domid < domid))
			continue;
		best = &host->machine->domains[i];
	}
	return best;
}

static struct domain *new_slot(struct host *host, uint16_t domid)
{
	for (unsigned i = 0; i < DOMAINS_MAX; i++) {
		struct domain *domain = &host->machine->domains[i];

		if (host->machine->domids[i] != NOBODY)
			continue;
		memset(domain, 0, sizeof(*domain));
		host->machine->domids[i] = domid;
		domain->domid = domid;
		domain->exists = true;
		return domain;
	}
	return NULL;
}

static void free_slot(struct host *host, struct domain *domain)
{
	host->machine->domids[domain - host->machine->domains] = NOBODY;
	domain->exists = false;
}

int domain_create_privileged(struct host *host)
{
	struct domain *domain = new_slot(host, 0);

	domain->privileged = true;
	domain->created = true;
	domain->max_vcpus = domain->nr_vcpus = 1;
	domain->max_port = PORTS_MAX - 1;
	domain->max_pages = ~0u;
	domain->vcpus[0].online = true;
	domain->shared_info = NO_FRAME;
	return 0;
}

void domain_set_privileged_frames(struct host *host, uint64_t frames)
{
	if (frames > host->machine->nr_free)
		frames = host->machine->nr_free;
	domain_find(host, 0)->tot_pages = frames;
	host->machine->out_of_memory_below = frames;
}

static uint16_t unused_domid(struct host *host)
{
	uint16_t domid = host->machine->last_domid;

	do {
		domid = domid + 1 >= (int)DOMID_FIRST_RESERVED ? 1 : domid + 1;
	} while (domain_find_any(host, domid));
	host->machine->last_domid = domid;
	return domid;
}

static int check_config(const struct xen_domctl_createdomain *config)
{
	if (config->flags & ~(XEN_DOMCTL_CDF_iommu | XEN_DOMCTL_CDF_vpmu | XEN_DOMCTL_CDF_xs_domain |
			      XEN_DOMCTL_CDF_s3_integrity))
		return -EINVAL;
	if (!config->max_vcpus || config->max_vcpus > VCPUS_MAX)
		return -EINVAL;
	if (config->arch.emulation_flags)
		return -EINVAL;
	return 0;
}

static int give_shared_frames(struct host *host, struct domain *domain)
{
	domain->shared_info = frames_alloc_shared(host, domain);
	if (domain->shared_info == NO_FRAME)
		return -ENOMEM;
	return domain_grow_grants(host, domain, 1);
}

static void apply_config(struct host *host, struct domain *domain,
			 const struct xen_domctl_createdomain *config)
{
	memcpy(domain->handle, config->handle, sizeof(domain->handle));
	domain->ssidref = config->ssidref;
	domain->flags = config->flags;
	domain->arch = config->arch;
	domain->max_vcpus = config->max_vcpus;
	domain->max_port = config->max_evtchn_port < PORTS_MAX ? config->max_evtchn_port : PORTS_MAX - 1;
	domain->max_grant_frames = config->max_grant_frames < 0 ? DEFAULT_GRANT_FRAMES
								: config->max_grant_frames;
	if (domain->max_grant_frames > GRANT_FRAMES_MAX)
		domain->max_grant_frames = GRANT_FRAMES_MAX;
	domain->grant_version = 1;
	domain->pause_count = 1;
	domain->tsc_mode = 0;
	domain->tsc_khz = TSC_KHZ;
	domain->policy = host->machine->policy;
}

int domain_create(struct host *host, uint16_t domid, const struct xen_domctl_createdomain *config,
		  struct domain **made)
{
	struct domain *domain;
	int err = check_config(config);

	if (err)
		return err;
	if (!domid || domid >= DOMID_FIRST_RESERVED)
		domid = unused_domid(host);
	else if (domain_find_any(host, domid))
		return -EEXIST;
	domain = new_slot(host, domid);
	if (!domain)
		return -ENOMEM;
	apply_config(host, domain, config);
	err = give_shared_frames(host, domain);
	if (err) {
		domain_destroy(host, domain);
		return err;
	}
	*made = domain;
	return 0;
}

static void release_frames(struct host *host, struct domain *domain)
{
	for (uint64_t mfn = 0; mfn < host->machine->nr_frames; mfn++) {
		struct frame *frame = &host->frames[mfn];

		if (frame->owner == domain->domid && frame->refs && frame->flags & FRAME_PINNED)
			frame_unpin(host, domain, mfn);
	}
	for (uint64_t mfn = 0; mfn < host->machine->nr_frames; mfn++) {
		struct frame *frame = &host->frames[mfn];

		if (frame->owner == domain->domid && frame->refs && frame->flags & FRAME_ALLOCATED)
			frame_release(host, mfn);
	}
}

void domain_destroy(struct host *host, struct domain *domain)
{
	domain->dying = true;
	domain->log_dirty = false;
	shadow_flush_all(host, domain);
	for (unsigned i = 0; i < domain->nr_vcpus; i++)
		vcpu_drop_tables(host, &domain->vcpus[i]);
	for (uint32_t port = 1; port <= domain->max_port; port++)
		port_close(host, domain, port);
	domain->looked_at = true; /* not gone while we still look at it */
	release_frames(host, domain);
	domain->looked_at = false;
	domain_forget_if_gone(host, domain);
	port_raise_virq(host, VIRQ_DOM_EXC);
}

/* The process that destroyed it did not come to the end. */
static bool is_half_destroyed(const struct host *host, const struct domain *domain)
{
	for (uint64_t mfn = 0; mfn < host->machine->nr_frames; mfn++)
		if (host->frames[mfn].owner == domain->domid && host->frames[mfn].refs &&
		    host->frames[mfn].flags & FRAME_ALLOCATED)
			return true;
	return domain->looked_at;
}

/* What counts as used, and is mapped by no process that lives. */
static void release_forgotten(struct host *host, const struct domain *domain, const uint32_t *mapped)
{
	uint16_t domid = domain->domid;

	for (uint64_t mfn = 0; mfn < host->machine->nr_frames; mfn++) {
		struct frame *frame = &host->frames[mfn];

		if (frame->owner != domid || !frame->refs || mapped[mfn])
			continue;
		frame->refs = 1;
		frame->type_refs = 0;
		frame->flags |= FRAME_ALLOCATED;
		frame_release(host, mfn);
	}
}

/*
 * A hypercall ends whatever becomes of its caller. Here a caller that is killed in one leaves the rest undone: the next
 * that looks ends it.
 */
void domain_end_dying(struct host *host)
{
	uint32_t *mapped = NULL;
	struct domain *domain;

	for (uint32_t domid = 0; (domain = domain_next(host, domid)); domid++) {
		domid = domain->domid;
		if (!domain->dying)
			continue;
		if (is_half_destroyed(host, domain))
			domain_destroy(host, domain);
		if (!mapped) {
			refs_reap(host);
			mapped = refs_count(host);
		}
		domain = domain_find_any(host, domid);
		if (domain && mapped)
			release_forgotten(host, domain, mapped);
	}
	free(mapped);
}

void domain_forget_if_gone(struct host *host, struct domain *domain)
{
	if (domain->dying && !domain->looked_at && !domain->tot_pages && !domain->heap_pages)
		free_slot(host, domain);
}

static uint32_t info_flags(const struct domain *domain)
{
	uint32_t flags = (uint32_t)domain->shutdown_code << XEN_DOMINF_shutdownshift;

	flags |= domain->dying ? XEN_DOMINF_dying : 0;
	flags |= domain->flags & XEN_DOMCTL_CDF_hvm ? XEN_DOMINF_hvm_guest : 0;
	flags |= domain->shutdown ? XEN_DOMINF_shutdown : 0;
	flags |= domain->pause_count ? XEN_DOMINF_paused : 0;
	flags |= domain_runs(domain) ? XEN_DOMINF_running : 0;
	return flags;
}

void domain_info(struct host *host, const struct domain *domain, struct xen_domctl_getdomaininfo *info)
{
	(void)host;
	memset(info, 0, sizeof(*info));
	info->domain = domain->domid;
	info->flags = info_flags(domain);
	info->tot_pages = domain->tot_pages;
	info->max_pages = domain->max_pages;
	info->shared_info_frame = domain->shared_info;
	info->max_vcpu_id = domain->nr_vcpus ? domain->nr_vcpus - 1 : XEN_INVALID_MAX_VCPU_ID;
	for (unsigned i = 0; i < domain->nr_vcpus; i++) {
		info->nr_online_vcpus += domain->vcpus[i].online;
		info->cpu_time += domain->vcpus[i].run_ns;
	}
	info->ssidref = domain->ssidref;
	memcpy(info->handle, domain->handle, sizeof(info->handle));
	info->gpaddr_bits = 52;
	info->arch_config = domain->arch;
}

void domain_pause(struct domain *domain)
{
	domain->pause_count++;
}

int domain_unpause(struct domain *domain)
{
	if (!domain->pause_count)
		return -EINVAL;
	if (!--domain->pause_count)
		domain->created = true;
	return 0;
}

bool domain_runs(const struct domain *domain)
{
	return domain->created && !domain->pause_count && !domain->shutdown && !domain->dying &&
	       domain->nr_vcpus && domain->vcpus[0].online && domain->vcpus[0].initialised;
}

void domain_shutdown(struct host *host, struct domain *domain, uint8_t code)
{
	if (domain->shutdown)
		return;
	domain->shutdown = true;
	domain->shutdown_code = code;
	if (code == SHUTDOWN_suspend && domain->suspend_port)
		port_send(host, domain, domain->suspend_port);
	else
		port_raise_virq(host, VIRQ_DOM_EXC);
}

void domain_resume(struct domain *domain)
{
	domain->shutdown = false;
	domain->shutdown_code = 0;
}

int domain_set_address_size(struct host *host, struct domain *domain, unsigned bits)
{
	if (domain->is_32bit || bits != 32)
		return bits == (domain->is_32bit ? 32 : 64) ? 0 : -EINVAL;
	if (!host->machine->has_pv32)
		return -EOPNOTSUPP;
	if (domain->tot_pages)
		return -EACCES;
	domain->is_32bit = true;
	return 0;
}

int domain_grow_grants(struct host *host, struct domain *domain, uint32_t nr_frames)
{
	if (nr_frames > domain->max_grant_frames)
		return -ENOSPC;
	while (domain->nr_grant_frames < nr_frames) {
		uint64_t mfn = frames_alloc_shared(host, domain);

		if (mfn == NO_FRAME)
			return -ENOMEM;
		domain->grant_frames[domain->nr_grant_frames++] = mfn;
	}
	return 0;
}
