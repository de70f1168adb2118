/*
 * Frames in this process's address space.  Callers undo mappings with munmap, so
 * which frame stands at an address is kept here, page by page, in a two-level table.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../machine/domain.h"
#include "../machine/refs.h"
#include "fault.h"
#include "process.h"

enum { REGION_PAGES = 1 << 18, REGIONS = 1 << 17, WRITABLE = 1u << 31, FIRST = 1u << 30, LAST = 1u << 29 };

#define REGION_BYTES (REGION_PAGES * PAGE_BYTES)

/* mfn + 1, whether it may be written to, and whether a mapping begins or ends here; 0: none of ours */
static uint32_t *regions[REGIONS];
static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;

static uint32_t *entry_of(uintptr_t va, bool make)
{
	uint32_t **region = &regions[va >> 30 & (REGIONS - 1)];

	if (!__atomic_load_n(region, __ATOMIC_ACQUIRE)) {
		if (!make)
			return NULL;
		pthread_mutex_lock(&growing);
		if (!*region)
			__atomic_store_n(region,
					 mmap(NULL, REGION_PAGES * sizeof(uint32_t), PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
					 __ATOMIC_RELEASE);
		pthread_mutex_unlock(&growing);
	}
	return &(*region)[va >> 12 & (REGION_PAGES - 1)];
}

static void *reserve(void *addr, size_t bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (addr ? MAP_FIXED : 0);

	if (addr)
		pages_unmap(addr, bytes);
	return mmap(addr, bytes, PROT_NONE, flags, -1, 0);
}

static int map_run(struct host *host, uint8_t *at, int prot, uint64_t mfn, size_t nr)
{
	off_t offset = host->machine->header.memory_at + mfn * PAGE_BYTES;
	void *got = mmap(at, nr * PAGE_BYTES, prot, MAP_SHARED | MAP_FIXED | MAP_POPULATE, host->fd, offset);

	if (got == MAP_FAILED)
		return -errno;
	madvise(at, nr * PAGE_BYTES, MADV_DONTFORK);
	for (size_t i = 0; i < nr; i++)
		*entry_of((uintptr_t)at + i * PAGE_BYTES, true) = (uint32_t)(mfn + i + 1) |
								  (prot & PROT_WRITE ? WRITABLE : 0);
	return 0;
}

static size_t run_length(const uint64_t *mfns, size_t nr)
{
	size_t n = 1;

	while (n < nr && mfns[n] == mfns[0] + n)
		n++;
	return n;
}

static void drop_from(struct host *host, int prot, size_t from, size_t nr, const uint64_t *mfns)
{
	host_lock(host);
	for (size_t i = from; i < nr; i++)
		if (mfns[i] != NO_FRAME)
			refs_drop(host, mfns[i], prot & PROT_WRITE);
	host_unlock(host);
}

static void mark(const void *at, uint32_t flag)
{
	uint32_t *entry = entry_of((uintptr_t)at, false);

	if (entry && *entry)
		*entry |= flag;
}

void *pages_map(struct host *host, void *addr, int prot, size_t nr, const uint64_t *mfns)
{
	uint8_t *at = reserve(addr, nr * PAGE_BYTES);

	if (at == MAP_FAILED) {
		drop_from(host, prot, 0, nr, mfns);
		return NULL;
	}
	for (size_t i = 0, n; i < nr; i += n) {
		int err = 0;

		n = run_length(mfns + i, nr - i);
		if (mfns[i] == NO_FRAME)
			n = 1;
		else
			err = map_run(host, at + i * PAGE_BYTES, prot, mfns[i], n);
		if (!err)
			continue;
		drop_from(host, prot, i, nr, mfns);
		pages_unmap(at, nr * PAGE_BYTES);
		errno = -err;
		return NULL;
	}
	mark(at, FIRST);
	mark(at + (nr - 1) * PAGE_BYTES, LAST);
	return at;
}

static int take_one(struct host *host, const struct domain *domain, uint16_t domid, int prot, uint64_t mfn)
{
	if (domid == DOMID_XEN) {
		if (mfn >= host->machine->nr_frames || host->frames[mfn].owner != DOMID_XEN)
			return -EPERM;
		return prot & PROT_WRITE ? -EBUSY : 0;
	}
	return domain ? refs_take(host, mfn, prot & PROT_WRITE, domain) : -ESRCH;
}

void pages_take(struct host *host, uint16_t domid, int prot, size_t nr, uint64_t *mfns, int *err)
{
	const struct domain *domain;

	for (size_t i = 0; i < nr; i++)
		err[i] = fault_at("mapframe");
	host_lock(host);
	domain = domain_find_any(host, domid);
	for (size_t i = 0; i < nr; i++) {
		if (!err[i])
			err[i] = take_one(host, domain, domid, prot, mfns[i]);
		if (err[i])
			mfns[i] = NO_FRAME;
	}
	host_unlock(host);
}

static void drop_page(struct host *host, uint32_t *entry)
{
	uint32_t was = *entry;

	*entry = 0;
	refs_drop(host, (was & ~(WRITABLE | FIRST | LAST)) - 1, was & WRITABLE);
}

static size_t to_next_region(uintptr_t va)
{
	return REGION_BYTES - va % REGION_BYTES;
}

int pages_unmap(void *addr, size_t bytes)
{
	struct host *host = NULL;
	int ret;

	step_begin();
	for (size_t done = 0, n; done < bytes; done += n) {
		uint32_t *entry = entry_of((uintptr_t)addr + done, false);

		n = entry ? PAGE_BYTES : to_next_region((uintptr_t)addr + done);
		if (!entry || !*entry)
			continue;
		if (!host) {
			host = process_host();
			host_lock(host);
		}
		drop_page(host, entry);
	}
	if (host)
		host_unlock(host);
	ret = syscall(SYS_munmap, addr, bytes);
	step_end();
	return ret;
}

/* As Linux has it: nobody takes a part out of what privcmd has mapped. */
static bool is_cut(const void *addr, size_t bytes)
{
	const uint32_t *first = entry_of((uintptr_t)addr, false);
	const uint32_t *last =
		bytes ? entry_of((uintptr_t)addr + (bytes - 1) / PAGE_BYTES * PAGE_BYTES, false) : NULL;

	return (first && *first && !(*first & FIRST)) || (last && *last && !(*last & LAST));
}

/* In place of libc's: what it unmaps may be a guest's. */
EXPORT int munmap(void *addr, size_t bytes)
{
	if (is_cut(addr, bytes)) {
		errno = EINVAL;
		return -1;
	}
	return pages_unmap(addr, bytes);
}
