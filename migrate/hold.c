/* See hold.h. One mapping, from which any thread takes the next bytes; beside it a list of what was taken, in order. */
#include "migrate/hold.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "stream/format.h"

enum {
	SMALLEST_BYTES = 1 << 20, /* where memory is short */
	LEAST_BYTES = 64 << 20,
	MOST_BYTES = 1 << 30,
	GUEST_PART = 8,
	FREE_PART = 2,	   /* of what the host has left: others need some of it */
	RECORD_ALIGN = 64, /* threads that fill neighbours share no cache line */
};

/* What the buffer had no room for. */
struct spill {
	struct spill *next;
	uint8_t record[];
};

struct hold {
	uint8_t *at;
	size_t room;
	_Atomic size_t taken; /* may come to lie beyond room */
	struct held *list;
	size_t count, list_room;
	uint64_t used;
	_Atomic(struct spill *) spills;
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t hold_default_bytes(uint64_t frames, size_t available_bytes)
{
	size_t bytes = frames * PAGE_BYTES / GUEST_PART;

	bytes = bytes < LEAST_BYTES ? LEAST_BYTES : least(bytes, MOST_BYTES);
	return available_bytes ? least(bytes, available_bytes / FREE_PART) : bytes;
}

static size_t host_available_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long kib = 0;
	char line[128];

	while (file && !kib && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %lu kB", &kib) != 1)
			kib = 0;
	if (file)
		fclose(file);
	return kib << 10;
}

size_t hold_available_bytes(void)
{
	static const int kinds[] = { RLIMIT_DATA, RLIMIT_AS };
	size_t bytes = host_available_bytes();
	struct rlimit limit;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!getrlimit(kinds[i], &limit) && limit.rlim_cur != RLIM_INFINITY && bytes)
			bytes = least(bytes, limit.rlim_cur);
	return bytes;
}

/* Locking brings the pages in, too. Where it is not allowed (RLIMIT_MEMLOCK) they are written to, and may be swapped out again. */
void hold_touch(struct hold *hold, size_t bytes)
{
	bytes = least(bytes, hold->room);
	if (!mlock(hold->at, bytes))
		return;
	for (size_t i = 0; i < bytes; i += PAGE_BYTES)
		((volatile uint8_t *)hold->at)[i] = 0;
}

/* Linux would give more than there is, and kill a process when that is touched. */
static int map(struct hold *hold, size_t bytes)
{
	size_t available = hold_available_bytes();
	void *at = MAP_FAILED;

	if (!available || bytes <= available)
		at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return fail(ENOMEM, "a buffer of %zu MiB cannot be had: %zu MiB are left", bytes >> 20,
			    available >> 20);
	hold->at = at;
	hold->room = bytes;
	return 0;
}

/* The default is a wish: half of it is better than none. */
static int map_default(struct hold *hold, uint64_t frames)
{
	size_t bytes = hold_default_bytes(frames, hold_available_bytes()) & ~(size_t)(PAGE_BYTES - 1);
	int rc = map(hold, bytes);

	for (; rc && bytes >= 2 * SMALLEST_BYTES; bytes /= 2) {
		fail_forget();
		rc = map(hold, bytes / 2);
	}
	return rc;
}

int hold_open(struct hold **result, size_t bytes, uint64_t frames)
{
	struct hold *hold = calloc(1, sizeof(*hold));

	*result = hold;
	if (!hold)
		return fail(ENOMEM, "out of memory");
	return bytes ? map(hold, bytes) : map_default(hold, frames);
}

void hold_empty(struct hold *hold)
{
	for (struct spill *spill = hold->spills, *next; spill; spill = next) {
		next = spill->next;
		free(spill);
	}
	hold->spills = NULL;
	hold->count = hold->used = 0;
	hold->taken = 0;
}

void hold_close(struct hold *hold)
{
	if (!hold)
		return;
	hold_empty(hold);
	if (hold->at)
		munmap(hold->at, hold->room);
	free(hold->list);
	free(hold);
}

size_t hold_room(const struct hold *hold)
{
	return hold->room;
}

static uint8_t *spill(struct hold *hold, size_t bytes)
{
	struct spill *spill = malloc(sizeof(*spill) + bytes);

	if (!spill)
		return NULL;
	spill->next = hold->spills;
	while (!atomic_compare_exchange_weak(&hold->spills, &spill->next, spill))
		;
	return spill->record;
}

/* A thread that comes too late leaves the end of the buffer unused: less than one record. */
uint8_t *hold_take(struct hold *hold, size_t bytes)
{
	size_t step = (bytes + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
	size_t at = atomic_fetch_add(&hold->taken, step);

	return at + step <= hold->room ? hold->at + at : spill(hold, bytes);
}

bool hold_is_full(const struct hold *hold)
{
	return hold->taken > hold->room;
}

int hold_add(struct hold *hold, struct held held)
{
	if (hold->count == hold->list_room) {
		size_t room = hold->list_room ? 2 * hold->list_room : 1024;
		struct held *grown = realloc(hold->list, room * sizeof(*grown));

		if (!grown)
			return fail(ENOMEM, "out of memory");
		hold->list = grown;
		hold->list_room = room;
	}
	hold->list[hold->count++] = held;
	hold->used += held.bytes;
	return 0;
}

size_t hold_count(const struct hold *hold)
{
	return hold->count;
}

const struct held *hold_at(const struct hold *hold, size_t number)
{
	return &hold->list[number];
}

uint64_t hold_used(const struct hold *hold)
{
	return hold->used;
}
