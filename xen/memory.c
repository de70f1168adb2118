/*
 * Frames: mapped, typed, given to a domain, pinned. In: mfns, or pfns that are to have frames. Out: addresses, types,
 * mfns. The trap: Xen does at most XEN_BATCH of most of these at once, and of a batch that fails only a map and a pin
 * say which frame it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xencall.h>

#include "log.h"
#include "stream/format.h"
#include "xen/internal.h"

_Static_assert(sizeof(xen_pfn_t) == sizeof(mfn_t), "mfns are passed as they are");

enum { XEN_BATCH = 1024 }; /* most frames Xen types or pins at once */

void *domain_map(struct domain *domain, const mfn_t *mfns, size_t count, bool writable, int *errors)
{
	int protection = PROT_READ | (writable ? PROT_WRITE : 0);
	void *at = xenforeignmemory_map(domain->host->memory, domain->id, protection, count,
					(const xen_pfn_t *)mfns, errors);

	if (!at)
		fail_errno("cannot map %zu frames of domain %u, the first of them mfn %#lx", count,
			   domain->id, count ? mfns[0].n : 0);
	return at;
}

void domain_unmap(struct domain *domain, void *at, size_t count)
{
	if (at && xenforeignmemory_unmap(domain->host->memory, at, count))
		say(SAY_WARNING, "cannot unmap %zu frames of domain %u: %s", count, domain->id,
		    strerror(errno));
}

/* handle: of XEN_BATCH xen_pfn_t that the hypervisor can reach. */
static int type_batch(struct domain *domain, const mfn_t *mfns, size_t count, uint8_t *types,
		      xc_hypercall_buffer_t *handle)
{
	DECLARE_HYPERCALL_BUFFER_ARGUMENT(handle);
	xen_pfn_t *buffer = handle->hbuf;
	struct xen_domctl domctl = {
		.cmd = XEN_DOMCTL_getpageframeinfo3,
		.interface_version = XEN_DOMCTL_INTERFACE_VERSION,
		.domain = domain->id,
		.u.getpageframeinfo3.num = count,
	};

	memcpy(buffer, mfns, count * sizeof(*mfns));
	set_xen_guest_handle(domctl.u.getpageframeinfo3.array, handle);
	if (xc_domctl(xc_of(domain), &domctl))
		return fail_errno("cannot ask Xen for the types of domain %u's frames", domain->id);
	for (size_t i = 0; i < count; i++)
		types[i] = buffer[i] >> XEN_DOMCTL_PFINFO_LTAB_SHIFT & 0xf;
	return 0;
}

int domain_frame_types(struct domain *domain, const mfn_t *mfns, size_t count, uint8_t *types)
{
	DECLARE_HYPERCALL_BUFFER(xen_pfn_t, buffer);
	int rc = 0;

	if (!count)
		return 0;
	/* Buffers of one page are kept for the next call. */
	buffer = xc_hypercall_buffer_alloc(xc_of(domain), buffer,
					   (count < XEN_BATCH ? count : XEN_BATCH) * sizeof(*buffer));
	if (!buffer)
		return fail(ENOMEM, "out of memory for hypercalls");
	for (size_t i = 0; i < count && !rc; i += XEN_BATCH)
		rc = type_batch(domain, mfns + i, count - i < XEN_BATCH ? count - i : XEN_BATCH, types + i,
				HYPERCALL_BUFFER(buffer));
	xc_hypercall_buffer_free(xc_of(domain), buffer);
	return rc;
}

static int populate(struct domain *domain, size_t extents, unsigned int order, xen_pfn_t *starts)
{
	return xc_domain_populate_physmap(xc_of(domain), domain->id, extents, order, 0, starts);
}

/*
 * 2 MiB that begin at a multiple of 2 MiB: one extent of order 9 gives the guest frames in a row, which the inverse and
 * the processor answer for at once.
 */
static bool is_whole_extent(const pfn_t *pfns, size_t count)
{
	return count == BATCH_PAGES && pfns[0].n % BATCH_PAGES == 0 &&
	       pfns[count - 1].n == pfns[0].n + BATCH_PAGES - 1;
}

/* True if one extent was to be had for all of them. */
static bool populate_extent(struct domain *domain, const pfn_t *pfns, mfn_t *mfns)
{
	xen_pfn_t start = pfns[0].n;

	if (populate(domain, 1, 9, &start) != 1)
		return false;
	for (size_t i = 0; i < BATCH_PAGES; i++)
		mfns[i] = MFN(start + i);
	return true;
}

int domain_populate(struct domain *domain, const pfn_t *pfns, size_t count, mfn_t *mfns)
{
	int got;

	if (!count)
		return 0;
	if (is_whole_extent(pfns, count) && populate_extent(domain, pfns, mfns))
		return 0;
	/* Xen takes the pfns and puts the mfns into the same array. */
	memcpy(mfns, pfns, count * sizeof(*mfns));
	got = populate(domain, count, 0, (xen_pfn_t *)mfns);
	if (got < 0)
		return fail_errno("Xen gives domain %u no memory", domain->id);
	if ((size_t)got != count)
		return fail(ENOMEM,
			    "Xen gave domain %u only %d of %zu frames: the host has too little memory",
			    domain->id, got, count);
	return 0;
}

int domain_depopulate(struct domain *domain, const mfn_t *mfns, size_t count)
{
	xen_pfn_t frames[XEN_BATCH];

	for (size_t i = 0, n; i < count; i += n) {
		n = count - i < XEN_BATCH ? count - i : XEN_BATCH;
		memcpy(frames, mfns + i, n * sizeof(*frames));
		if (xc_domain_decrease_reservation_exact(xc_of(domain), domain->id, n, 0, frames))
			return fail_errno("Xen does not take frames back from domain %u", domain->id);
	}
	return 0;
}

/* Xen's own table of pfns by mfn (M2P): one that libxl has given to a domain has the pfn that libxl chose. */
int domain_set_pfn(struct domain *domain, mfn_t mfn, pfn_t pfn)
{
	xencall_handle *handle = xc_interface_xcall_handle(xc_of(domain));
	struct {
		mmu_update_t update;
		unsigned int done;
	} *call = xencall_alloc_buffer(handle, sizeof(*call));
	int rc = 0;

	if (!call)
		return fail(ENOMEM, "out of memory for hypercalls");
	call->update.ptr = (uint64_t)mfn.n << PAGE_BITS | MMU_MACHPHYS_UPDATE;
	call->update.val = pfn.n;
	if (xencall4(handle, __HYPERVISOR_mmu_update, (unsigned long)&call->update, 1,
		     (unsigned long)&call->done, domain->id) < 0)
		rc = fail_errno("Xen does not make mfn %#lx domain %u's pfn %#lx", mfn.n, domain->id, pfn.n);
	xencall_free_buffer(handle, call);
	return rc;
}

int domain_limit(struct domain *domain, uint64_t most_kib)
{
	return xc_domain_setmaxmem(xc_of(domain), domain->id, most_kib)
		     ? fail_errno("cannot limit domain %u to %lu KiB", domain->id, most_kib)
		     : 0;
}

/* libxenctrl's own call cannot tell which of many was refused, so this is the hypercall itself. */
struct pin_call {
	struct mmuext_op ops[XEN_BATCH];
	unsigned int done;
};

static int pin_batch(struct domain *domain, const struct pin *pins, size_t count, struct pin_call *call)
{
	static const unsigned int commands[] = { 0, MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
						 MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE };

	for (size_t i = 0; i < count; i++)
		call->ops[i] = (struct mmuext_op){ .cmd = commands[pins[i].level],
						   .arg1.mfn = pins[i].mfn.n };
	call->done = 0;
	if (xencall4(xc_interface_xcall_handle(xc_of(domain)), __HYPERVISOR_mmuext_op,
		     (unsigned long)call->ops, count, (unsigned long)&call->done, domain->id) < 0)
		return -errno;
	return 0;
}

int domain_pin(struct domain *domain, const struct pin *pins, size_t count, size_t *failed)
{
	xencall_handle *handle = xc_interface_xcall_handle(xc_of(domain));
	struct pin_call *call = xencall_alloc_buffer(handle, sizeof(*call));
	int rc = 0;

	if (!call)
		return fail(ENOMEM, "out of memory for hypercalls");
	for (size_t i = 0; i < count && !rc; i += XEN_BATCH) {
		rc = pin_batch(domain, pins + i, count - i < XEN_BATCH ? count - i : XEN_BATCH, call);
		*failed = i + call->done;
	}
	xencall_free_buffer(handle, call);
	return rc;
}
