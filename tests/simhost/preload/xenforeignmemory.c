/*
 * In place of libxenforeignmemory, and of the two calls of libxendevicemodel that
 * xc_interface_open makes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenforeignmemory.h>
#include <xendevicemodel.h>

#include "fault.h"
#include "process.h"

struct xenforeignmemory_handle {
	int unused;
};

struct xenforeignmemory_resource_handle {
	void *addr;
	size_t bytes;
};

EXPORT xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned flags)
{
	(void)logger, (void)flags;
	return process_host() ? calloc(1, sizeof(xenforeignmemory_handle)) : NULL;
}

EXPORT int xenforeignmemory_close(xenforeignmemory_handle *handle)
{
	free(handle);
	return 0;
}

EXPORT int xenforeignmemory_restrict(xenforeignmemory_handle *handle, domid_t domid)
{
	(void)handle, (void)domid;
	errno = EOPNOTSUPP;
	return -1;
}

static int first_error(const int *err, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (err[i])
			return err[i];
	return 0;
}

/* Without room for each page's error the first one fails the whole. */
static void *map(struct host *host, domid_t domid, void *addr, int prot, size_t nr, uint64_t *mfns, int *err,
		 bool all)
{
	void *at;
	int failed;

	pages_take(host, domid, prot, nr, mfns, err);
	failed = all ? first_error(err, nr) : 0;
	at = pages_map(host, addr, prot, nr, mfns);
	if (at && failed) {
		pages_unmap(at, nr * PAGE_BYTES);
		errno = -failed;
		return NULL;
	}
	return at;
}

EXPORT void *xenforeignmemory_map2(xenforeignmemory_handle *handle, uint32_t domid, void *addr, int prot,
				   int flags, size_t nr, const xen_pfn_t frames[], int err[])
{
	struct host *host = process_host();
	int fault = fault_at("map");
	uint64_t *mfns;
	int *errors;
	void *at = NULL;

	(void)handle, (void)flags;
	if (!host || fault || !nr) {
		errno = fault ? -fault : EINVAL;
		return NULL;
	}
	mfns = malloc(nr * sizeof(*mfns));
	errors = err ? err : malloc(nr * sizeof(*errors));
	if (mfns && errors) {
		memcpy(mfns, frames, nr * sizeof(*mfns));
		step_begin();
		at = map(host, domid, addr, prot, nr, mfns, errors, !err);
		step_end();
	}
	fault = errno;
	free(mfns);
	if (!err)
		free(errors);
	errno = fault;
	return at;
}

EXPORT void *xenforeignmemory_map(xenforeignmemory_handle *handle, uint32_t domid, int prot, size_t nr,
				  const xen_pfn_t frames[], int err[])
{
	return xenforeignmemory_map2(handle, domid, NULL, prot, 0, nr, frames, err);
}

EXPORT int xenforeignmemory_unmap(xenforeignmemory_handle *handle, void *addr, size_t nr)
{
	(void)handle;
	return munmap(addr, nr * PAGE_BYTES);
}

static long acquire(struct xen_mem_acquire_resource *op)
{
	multicall_entry_t entry = {
		.op = __HYPERVISOR_memory_op,
		.args = { XENMEM_acquire_resource, (unsigned long)op },
	};
	long ret = process_call(__HYPERVISOR_multicall,
				(uint64_t[CALL_ARGS]){ (uint64_t)(uintptr_t)&entry, 1 });

	if (ret < 0)
		return -1;
	return process_result((long)entry.result < 0 ? (int)entry.result : 0);
}

EXPORT xenforeignmemory_resource_handle *xenforeignmemory_map_resource(xenforeignmemory_handle *handle,
								       domid_t domid, unsigned type,
								       unsigned id, unsigned long frame,
								       unsigned long nr, void **paddr,
								       int prot, int flags)
{
	xenforeignmemory_resource_handle *resource = calloc(1, sizeof(*resource));
	xen_pfn_t *mfns = calloc(nr ? nr : 1, sizeof(*mfns));
	struct xen_mem_acquire_resource op = {
		.domid = domid,
		.type = type,
		.id = id,
		.nr_frames = nr,
		.frame = frame,
	};

	op.frame_list.p = mfns;
	if (resource && mfns && nr && !acquire(&op))
		resource->addr = xenforeignmemory_map2(handle, domid, *paddr, prot, flags, nr, mfns, NULL);
	free(mfns);
	if (!resource || !resource->addr) {
		free(resource);
		return NULL;
	}
	resource->bytes = nr * PAGE_BYTES;
	*paddr = resource->addr;
	return resource;
}

EXPORT int xenforeignmemory_unmap_resource(xenforeignmemory_handle *handle,
					   xenforeignmemory_resource_handle *resource)
{
	(void)handle;
	if (!resource)
		return 0;
	if (pages_unmap(resource->addr, resource->bytes))
		return -1;
	free(resource);
	return 0;
}

EXPORT int xenforeignmemory_resource_size(xenforeignmemory_handle *handle, domid_t domid, unsigned type,
					  unsigned id, size_t *size)
{
	struct xen_mem_acquire_resource op = { .domid = domid, .type = type, .id = id };

	(void)handle;
	if (acquire(&op))
		return -1;
	*size = op.nr_frames * PAGE_BYTES;
	return 0;
}

EXPORT xendevicemodel_handle *xendevicemodel_open(struct xentoollog_logger *logger, unsigned flags)
{
	(void)logger, (void)flags;
	return calloc(1, 1);
}

EXPORT int xendevicemodel_close(xendevicemodel_handle *handle)
{
	free(handle);
	return 0;
}
