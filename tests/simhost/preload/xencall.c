/*
 * In place of libxencall.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xencall.h>

#include "process.h"

struct xencall_handle {
	int fd;
};

EXPORT xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned flags)
{
	xencall_handle *handle = process_host() ? calloc(1, sizeof(*handle)) : NULL;

	(void)logger, (void)flags;
	if (handle)
		handle->fd = -1;
	return handle;
}

EXPORT int xencall_close(xencall_handle *handle)
{
	free(handle);
	return 0;
}

EXPORT int xencall_fd(xencall_handle *handle)
{
	return handle->fd;
}

EXPORT int xencall0(xencall_handle *handle, unsigned op)
{
	(void)handle;
	return process_call(op, (uint64_t[CALL_ARGS]){ 0 });
}

EXPORT int xencall1(xencall_handle *handle, unsigned op, uint64_t a1)
{
	(void)handle;
	return process_call(op, (uint64_t[CALL_ARGS]){ a1 });
}

EXPORT int xencall2(xencall_handle *handle, unsigned op, uint64_t a1, uint64_t a2)
{
	(void)handle;
	return process_call(op, (uint64_t[CALL_ARGS]){ a1, a2 });
}

EXPORT long xencall2L(xencall_handle *handle, unsigned op, uint64_t a1, uint64_t a2)
{
	(void)handle;
	return process_call(op, (uint64_t[CALL_ARGS]){ a1, a2 });
}

EXPORT int xencall3(xencall_handle *handle, unsigned op, uint64_t a1, uint64_t a2, uint64_t a3)
{
	(void)handle;
	return process_call(op, (uint64_t[CALL_ARGS]){ a1, a2, a3 });
}

EXPORT int xencall4(xencall_handle *handle, unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	(void)handle;
	return process_call(op, (uint64_t[CALL_ARGS]){ a1, a2, a3, a4 });
}

EXPORT int xencall5(xencall_handle *handle, unsigned op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
		    uint64_t a5)
{
	(void)handle;
	return process_call(op, (uint64_t[CALL_ARGS]){ a1, a2, a3, a4, a5 });
}

EXPORT void *xencall_alloc_buffer_pages(xencall_handle *handle, size_t nr_pages)
{
	void *buffer = mmap(NULL, nr_pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	(void)handle;
	return buffer == MAP_FAILED ? NULL : buffer;
}

EXPORT void xencall_free_buffer_pages(xencall_handle *handle, void *buffer, size_t nr_pages)
{
	(void)handle;
	if (buffer)
		munmap(buffer, nr_pages * PAGE_BYTES);
}

EXPORT void *xencall_alloc_buffer(xencall_handle *handle, size_t size)
{
	(void)handle;
	return calloc(1, size);
}

EXPORT void xencall_free_buffer(xencall_handle *handle, void *buffer)
{
	(void)handle;
	free(buffer);
}

EXPORT int xencall_buffers_never_fault(xencall_handle *handle)
{
	(void)handle;
	return 1;
}
