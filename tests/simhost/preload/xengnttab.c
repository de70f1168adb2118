/*
 * In place of libxengnttab: pages that a guest has granted to domain 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xengnttab.h>

#include "../machine/domain.h"
#include "../machine/refs.h"
#include "fault.h"
#include "process.h"

struct xengntdev_handle {
	int unused;
};

EXPORT xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned flags)
{
	(void)logger, (void)flags;
	return process_host() ? calloc(1, sizeof(xengnttab_handle)) : NULL;
}

EXPORT int xengnttab_close(xengnttab_handle *handle)
{
	free(handle);
	return 0;
}

EXPORT int xengnttab_fd(xengnttab_handle *handle)
{
	(void)handle;
	return -1;
}

EXPORT int xengnttab_set_max_grants(xengnttab_handle *handle, uint32_t nr)
{
	(void)handle, (void)nr;
	return 0;
}

static grant_entry_v1_t *find_entry(struct host *host, struct domain *domain, uint32_t ref)
{
	uint32_t per_frame = PAGE_BYTES / sizeof(grant_entry_v1_t);
	grant_entry_v1_t *entries;

	if (!domain || ref / per_frame >= domain->nr_grant_frames)
		return NULL;
	entries = host_page(host, domain->grant_frames[ref / per_frame]);
	return &entries[ref % per_frame];
}

static int take(struct host *host, uint32_t domid, uint32_t ref, int prot, uint64_t *mfn)
{
	struct domain *domain = domain_find(host, domid);
	grant_entry_v1_t *entry = find_entry(host, domain, ref);
	bool writable = prot & PROT_WRITE;
	int err;

	if (!entry || (entry->flags & GTF_type_mask) != GTF_permit_access || entry->domid ||
	    (writable && entry->flags & GTF_readonly))
		return -EINVAL;
	*mfn = entry->frame;
	err = refs_take(host, *mfn, writable, domain);
	if (!err)
		entry->flags |= GTF_reading | (writable ? GTF_writing : 0);
	return err;
}

EXPORT void *xengnttab_map_domain_grant_refs(xengnttab_handle *handle, uint32_t count, uint32_t domid,
					     uint32_t *refs, int prot)
{
	struct host *host = process_host();
	uint64_t *mfns = malloc(count * sizeof(*mfns));
	int err = fault_at("grant_map");
	void *at = NULL;
	uint32_t i;

	(void)handle;
	host_lock(host);
	for (i = 0; mfns && i < count && !err; i++)
		err = take(host, domid, refs[i], prot, &mfns[i]);
	for (; err && i-- > 1;)
		refs_drop(host, mfns[i - 1], prot & PROT_WRITE);
	host_unlock(host);
	if (mfns && !err)
		at = pages_map(host, NULL, prot, count, mfns);
	free(mfns);
	if (err)
		errno = -err;
	return at;
}

EXPORT void *xengnttab_map_grant_ref(xengnttab_handle *handle, uint32_t domid, uint32_t ref, int prot)
{
	return xengnttab_map_domain_grant_refs(handle, 1, domid, &ref, prot);
}

EXPORT void *xengnttab_map_grant_ref_notify(xengnttab_handle *handle, uint32_t domid, uint32_t ref, int prot,
					    uint32_t notify_offset, evtchn_port_t notify_port)
{
	(void)notify_offset, (void)notify_port;
	return xengnttab_map_domain_grant_refs(handle, 1, domid, &ref, prot);
}

EXPORT int xengnttab_unmap(xengnttab_handle *handle, void *start, uint32_t count)
{
	(void)handle;
	return pages_unmap(start, count * PAGE_BYTES);
}

EXPORT xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned flags)
{
	(void)logger, (void)flags;
	errno = ENOSYS;
	return NULL;
}
