/* See slots.h. */
#include "stream/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "stream/cursor.h"

static size_t all_bytes(unsigned int count)
{
	return slot_offset(count) + LARGE_BYTES + FLAT_CONFIG_BYTES;
}

int slots_make(struct slots *slots, unsigned int threads)
{
	*slots = (struct slots){ .fd = memfd_create("pvferry-slots", MFD_CLOEXEC | MFD_ALLOW_SEALING) };
	slots->count = cursor_chunks(threads);
	if (slots->fd < 0)
		return fail_errno("cannot make memory to share");
	if (ftruncate(slots->fd, all_bytes(slots->count)) ||
	    fcntl(slots->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		int rc = fail_errno("cannot make memory to share");

		close(slots->fd);
		slots->fd = -1;
		return rc;
	}
	return 0;
}

int slots_map(struct slots *slots, int fd, unsigned int threads, bool may_write)
{
	void *at;

	*slots = (struct slots){ .fd = fd, .count = cursor_chunks(threads) };
	at = mmap(NULL, all_bytes(slots->count), may_write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		  fd, 0);
	if (at == MAP_FAILED)
		return fail_errno("cannot map memory that is shared");
	slots->at = at;
	sem_init(&slots->large, 0, 1);
	return 0;
}

void slots_unmap(struct slots *slots)
{
	if (slots->at)
		munmap(slots->at, all_bytes(slots->count));
	slots->at = NULL;
}

int slots_reserve(struct slots *slots, struct chunk *chunk, size_t count)
{
	if (!chunk->own_slot)
		chunk->own_slot = ++slots->given;
	chunk->slot = chunk->own_slot - 1;
	if (count + RECORD_ALIGNMENT > SLOT_BYTES) {
		if (count + RECORD_ALIGNMENT > LARGE_BYTES)
			return fail(EBADMSG, "a chunk of %zu bytes", count);
		while (sem_wait(&slots->large))
			;
		chunk->slot = slots->count;
	}
	chunk->at = slots->at + slot_offset(chunk->slot);
	return 0;
}

void slots_release(struct slots *slots, const struct chunk *chunk)
{
	if (chunk->slot != slots->count)
		return;
	/* It is rare, and would stay in memory to the end. */
	madvise(slots->at + slot_offset(slots->count), LARGE_BYTES, MADV_REMOVE);
	sem_post(&slots->large);
}
