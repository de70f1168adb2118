/* Stands in for xen/memory.c. All frames are one file in memory; a mapping of some of them is a real one. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"
#include "log.h"
#include "pagetable-canon/canon.h"

static struct fake_frame frames[FAKE_FRAMES];
static uint8_t *memory;
static int file = -1;
static uint64_t last_allocated;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct mapping {
	struct mapping *next;
	const struct domain *of;
	uint8_t *at;
	size_t count;
	bool writable;
	mfn_t mfns[];
} * mappings;

void (*fake_on_map)(void);

void fake_forget_mappings(void)
{
	while (mappings) {
		struct mapping *next = mappings->next;

		munmap(mappings->at, mappings->count * PAGE_BYTES);
		free(mappings);
		mappings = next;
	}
	if (memory)
		munmap(memory, (size_t)FAKE_FRAMES * PAGE_BYTES);
	if (file >= 0)
		close(file);
	memset(frames, 0, sizeof(frames));
	last_allocated = 0;
	fake_on_map = NULL;
	file = memfd_create("frames", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, (off_t)FAKE_FRAMES * PAGE_BYTES))
		abort();
	memory = mmap(NULL, (size_t)FAKE_FRAMES * PAGE_BYTES, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE, file, 0);
	if (memory == MAP_FAILED)
		abort();
}

unsigned int fake_mappings(void)
{
	unsigned int count = 0;

	for (const struct mapping *m = mappings; m; m = m->next)
		count++;
	return count;
}

struct fake_frame *fake_frame(mfn_t mfn)
{
	static struct fake_frame nobody;

	nobody = (struct fake_frame){ .type = FRAME_XTAB };
	return mfn.n < FAKE_FRAMES ? &frames[mfn.n] : &nobody;
}

void *fake_page(mfn_t mfn)
{
	return memory + mfn.n * PAGE_BYTES;
}

/* A step that is prime to the number of frames reaches all of them, none beside the one before. */
mfn_t fake_allocate(uint16_t owner)
{
	do
		last_allocated = (last_allocated + 0x12345) % FAKE_FRAMES;
	while (frames[last_allocated].owner || !last_allocated);
	frames[last_allocated] = (struct fake_frame){ .owner = owner };
	return MFN(last_allocated);
}

static bool may_map(const struct domain *domain, mfn_t mfn, bool writable)
{
	const struct fake_frame *frame = fake_frame(mfn);

	if (mfn.n == domain->shared_info.n)
		return true;
	return mfn.n && frame->owner == domain->id && !(writable && frame_level(frame->type));
}

static struct mapping *make(const mfn_t *mfns, size_t count, bool writable)
{
	int protection = PROT_READ | (writable ? PROT_WRITE : 0);
	struct mapping *m = malloc(sizeof(*m) + count * sizeof(*mfns));

	*m = (struct mapping){ .count = count, .writable = writable };
	memcpy(m->mfns, mfns, count * sizeof(*mfns));
	m->at = mmap(NULL, count * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < count; i++)
		if (mmap(m->at + i * PAGE_BYTES, PAGE_BYTES, protection, MAP_SHARED | MAP_FIXED, file,
			 mfns[i].n * PAGE_BYTES) == MAP_FAILED)
			abort();
	return m;
}

void *domain_map(struct domain *domain, const mfn_t *mfns, size_t count, bool writable, int *errors)
{
	struct mapping *m;

	if (fake_on_map)
		fake_on_map();
	if (fake_fails("map") || errors)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!may_map(domain, mfns[i], writable)) {
			fail(EINVAL, "fake: domain %u may not map mfn %#lx", domain->id, mfns[i].n);
			return NULL;
		}
	m = make(mfns, count, writable);
	pthread_mutex_lock(&lock);
	m->of = domain;
	m->next = mappings;
	mappings = m;
	for (size_t i = 0; i < count; i++)
		frames[mfns[i].n].writable += writable;
	pthread_mutex_unlock(&lock);
	return m->at;
}

void domain_unmap(struct domain *domain, void *at, size_t count)
{
	struct mapping **place = &mappings, *m;

	(void)domain;
	if (!at)
		return;
	pthread_mutex_lock(&lock);
	while (*place && (*place)->at != at)
		place = &(*place)->next;
	m = *place;
	if (!m || m->count != count)
		abort();
	*place = m->next;
	for (size_t i = 0; i < count; i++)
		frames[m->mfns[i].n].writable -= m->writable;
	pthread_mutex_unlock(&lock);
	munmap(m->at, count * PAGE_BYTES);
	free(m);
}

void fake_unmap(struct domain *domain)
{
	struct mapping *m = mappings;

	while (m) {
		struct mapping *next = m->next;

		if (m->of == domain)
			domain_unmap(domain, m->at, m->count);
		m = next;
	}
}

int domain_frame_types(struct domain *domain, const mfn_t *mfns, size_t count, uint8_t *types)
{
	if (fake_fails("frame types"))
		return -EIO;
	for (size_t i = 0; i < count; i++)
		types[i] = fake_frame(mfns[i])->owner == domain->id ? fake_frame(mfns[i])->type : FRAME_XTAB;
	return 0;
}

int domain_populate(struct domain *domain, const pfn_t *pfns, size_t count, mfn_t *mfns)
{
	(void)pfns;
	if (fake_fails("populate"))
		return -EIO;
	for (size_t i = 0; i < count; i++)
		mfns[i] = fake_allocate(domain->id);
	domain->frames += count;
	return 0;
}

static int validate_entry(struct domain *domain, unsigned int level, unsigned int slot, uint64_t entry)
{
	mfn_t mfn = { pte_frame(entry) };
	struct fake_frame *frame = fake_frame(mfn);

	if (frame->owner != domain->id)
		return fail(EINVAL, "fake: slot %u of a level-%u table names mfn %#lx", slot, level, mfn.n);
	if (level > 1)
		return fake_validate(domain, mfn, level - 1);
	if (entry & PTE_WRITABLE && frame_level(frame->type))
		return fail(EINVAL, "fake: slot %u of a level-1 table writes to a table", slot);
	return 0;
}

int fake_validate(struct domain *domain, mfn_t mfn, unsigned int level)
{
	struct fake_frame *frame = fake_frame(mfn);
	const uint64_t *table = fake_page(mfn);
	unsigned int xen_first, xen_count;
	int rc = 0;

	if (frame->owner != domain->id || frame->writable)
		return fail(EBUSY, "fake: mfn %#lx cannot be a table: owner %u, writable %u", mfn.n,
			    frame->owner, frame->writable);
	if (frame_level(frame->type))
		return frame_level(frame->type) == level
			     ? 0
			     : fail(EINVAL, "fake: mfn %#lx has another level", mfn.n);
	frame->type = level;
	xen_slots(domain->width, level, &xen_first, &xen_count);
	for (unsigned int slot = 0; !rc && slot < TABLE_SLOTS; slot++)
		if (slot - xen_first >= xen_count && table[slot] & PTE_PRESENT)
			rc = validate_entry(domain, level, slot, table[slot]);
	return rc;
}

int domain_pin(struct domain *domain, const struct pin *pins, size_t count, size_t *failed)
{
	for (size_t i = 0; i < count; i++) {
		int rc = fake_fails("pin") ? -EIO : fake_validate(domain, pins[i].mfn, pins[i].level);

		*failed = i;
		if (rc)
			return rc;
		fake_frame(pins[i].mfn)->type |= FRAME_PINNED;
	}
	return 0;
}
