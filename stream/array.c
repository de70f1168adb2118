/* See array.h. */
#include "stream/array.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "log.h"

int array_grow(void *array, size_t each, uint64_t count, uint64_t most)
{
	void *at;

	memcpy(&at, array, sizeof(at));
	if (!at) {
		at = mmap(NULL, each * most, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (at == MAP_FAILED)
			return fail(ENOMEM, "out of memory for %lu pfns", most);
		memcpy(array, &at, sizeof(at));
	}
	return mprotect(at, each * count, PROT_READ | PROT_WRITE)
		     ? fail(ENOMEM, "out of memory for %lu pfns", count)
		     : 0;
}

void array_clear(void *at, size_t each, uint64_t count)
{
	if (at)
		madvise(at, each * count, MADV_DONTNEED);
}

void array_release(void *at, size_t each, uint64_t most)
{
	if (at)
		munmap(at, each * most);
}
