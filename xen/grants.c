/*
 * What a domain has granted to others: they write to it through mappings of
 * their own, which Xen's log of written pages does not see. And the two pages
 * that a new domain grants to the consoles' and xenstore's domains, as the
 * toolstack does for it.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "log.h"
#include "stream/format.h"
#include "xen/internal.h"

struct visit {
	void (*each)(mfn_t mfn, void *context);
	void *context;
};

static void visit_entry(const struct visit *visit, unsigned int flags, uint64_t frame)
{
	if ((flags & GTF_type_mask) == GTF_permit_access && !(flags & GTF_readonly))
		visit->each(MFN(frame), visit->context);
}

static void visit_all(const struct visit *visit, const void *at, size_t bytes, int version)
{
	const grant_entry_v1_t *v1 = at;
	const grant_entry_v2_t *v2 = at;

	for (size_t i = 0; version == 1 && i < bytes / sizeof(*v1); i++)
		visit_entry(visit, v1[i].flags, v1[i].frame);
	for (size_t i = 0; version == 2 && i < bytes / sizeof(*v2); i++)
		visit_entry(visit, v2[i].hdr.flags, v2[i].full_page.frame);
}

int domain_each_granted(struct domain *domain, void (*each)(mfn_t mfn, void *context), void *context)
{
	const struct visit visit = { each, context };
	xenforeignmemory_handle *memory = domain->host->memory;
	xenforeignmemory_resource_handle *table;
	struct gnttab_query_size size = { .dom = domain->id };
	int version = xc_gnttab_get_version(xc_of(domain), domain->id);
	void *at = NULL;

	if (xc_gnttab_query_size(xc_of(domain), &size) || size.status != GNTST_okay)
		return fail(EIO, "Xen does not report how large domain %u's grant table is", domain->id);
	if (!size.nr_frames)
		return 0;
	table = xenforeignmemory_map_resource(memory, domain->id, XENMEM_resource_grant_table,
					      XENMEM_resource_grant_table_id_shared, 0, size.nr_frames, &at,
					      PROT_READ, 0);
	if (!table)
		return fail_errno("cannot map domain %u's grant table", domain->id);
	visit_all(&visit, at, (size_t)size.nr_frames * PAGE_BYTES, version == 2 ? 2 : 1);
	xenforeignmemory_unmap_resource(memory, table);
	return 0;
}

/* A table that no guest has asked for yet is of version 1. Its first two entries are for these two pages. */
int domain_seed_grants(struct domain *domain, mfn_t console, uint32_t console_domain, mfn_t store,
		       uint32_t store_domain)
{
	xenforeignmemory_handle *memory = domain->host->memory;
	xenforeignmemory_resource_handle *table;
	void *at = NULL;
	grant_entry_v1_t *entry;

	table = xenforeignmemory_map_resource(memory, domain->id, XENMEM_resource_grant_table,
					      XENMEM_resource_grant_table_id_shared, 0, 1, &at,
					      PROT_READ | PROT_WRITE, 0);
	if (!table)
		return fail_errno("cannot map domain %u's grant table", domain->id);
	entry = at;
	entry[GNTTAB_RESERVED_CONSOLE] = (grant_entry_v1_t){ GTF_permit_access, console_domain, console.n };
	entry[GNTTAB_RESERVED_XENSTORE] = (grant_entry_v1_t){ GTF_permit_access, store_domain, store.n };
	xenforeignmemory_unmap_resource(memory, table);
	return 0;
}
