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
bool fake_has_log;
uint64_t fake_log[FAKE_LOG_WORDS];
mfn_t fake_granted;

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
	fake_has_log = false;
	fake_granted = MFN(INVALID_FRAME);
	memset(fake_log, 0, sizeof(fake_log));
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
	static _Thread_local struct fake_frame nobody;

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
		if (mfn_is_valid(mfns[i]) &&
		    mmap(m->at + i * PAGE_BYTES, PAGE_BYTES, protection, MAP_SHARED | MAP_FIXED, file,
			 mfns[i].n * PAGE_BYTES) == MAP_FAILED)
			abort();
	return m;
}

/* With errors[] what may not be mapped leaves a hole. */
static bool check_all(const struct domain *domain, mfn_t *mfns, size_t count, bool writable, int *errors)
{
	for (size_t i = 0; i < count; i++) {
		bool may = may_map(domain, mfns[i], writable);

		if (errors)
			errors[i] = may ? 0 : -EINVAL;
		else if (!may)
			return fail(EINVAL, "fake: domain %u may not map mfn %#lx", domain->id, mfns[i].n),
			       false;
		if (!may)
			mfns[i] = MFN(INVALID_FRAME);
	}
	return true;
}

void *domain_map(struct domain *domain, const mfn_t *mfns, size_t count, bool writable, int *errors)
{
	struct mapping *m;
	mfn_t *copy;

	if (fake_on_map)
		fake_on_map();
	if (fake_fails("map"))
		return NULL;
	copy = malloc(count * sizeof(*copy));
	memcpy(copy, mfns, count * sizeof(*copy));
	if (!check_all(domain, copy, count, writable, errors)) {
		free(copy);
		return NULL;
	}
	m = make(copy, count, writable);
	free(copy);
	pthread_mutex_lock(&lock);
	m->of = domain;
	m->next = mappings;
	mappings = m;
	for (size_t i = 0; i < count; i++)
		if (mfn_is_valid(m->mfns[i]))
			frames[m->mfns[i].n].writable += writable;
	pthread_mutex_unlock(&lock);
	return m->at;
}

static void let_go(struct mapping *m, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++) {
		if (mfn_is_valid(m->mfns[i]))
			frames[m->mfns[i].n].writable -= m->writable;
		m->mfns[i] = MFN(INVALID_FRAME);
	}
}

/* A mapping, or one page out of it. */
void domain_unmap(struct domain *domain, void *at, size_t count)
{
	struct mapping **place = &mappings, *m;
	bool is_whole;

	(void)domain;
	if (!at)
		return;
	pthread_mutex_lock(&lock);
	while (*place &&
	       ((uint8_t *)at < (*place)->at || (uint8_t *)at >= (*place)->at + (*place)->count * PAGE_BYTES))
		place = &(*place)->next;
	m = *place;
	if (!m || (count != 1 && m->count != count))
		abort();
	let_go(m, ((uint8_t *)at - m->at) / PAGE_BYTES, count);
	is_whole = m->count == count;
	if (is_whole)
		*place = m->next;
	pthread_mutex_unlock(&lock);
	munmap(at, count * PAGE_BYTES);
	if (is_whole)
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
	if (domain->frames + count > domain->most_frames)
		return fail(ENOMEM, "fake: domain %u may have %lu frames", domain->id, domain->most_frames);
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

int domain_depopulate(struct domain *domain, const mfn_t *mfns, size_t count)
{
	if (fake_fails("depopulate"))
		return -EIO;
	for (size_t i = 0; i < count; i++)
		fake_frame(mfns[i])->owner = 0;
	domain->frames -= count;
	return 0;
}

int domain_set_pfn(struct domain *domain, mfn_t mfn, pfn_t pfn)
{
	(void)pfn;
	return fake_fails("set pfn") || fake_frame(mfn)->owner != domain->id ? -EIO : 0;
}

int domain_limit(struct domain *domain, uint64_t most_kib)
{
	if (fake_fails("limit"))
		return -EIO;
	domain->most_frames = most_kib / 4;
	return 0;
}

/* --- what a running guest changes --------------------------------------- */

int domain_log_start(struct domain *domain)
{
	(void)domain;
	if (fake_fails("log start"))
		return -EIO;
	return fake_has_log ? 0 : fail(EOPNOTSUPP, "fake: no log");
}

void domain_log_stop(struct domain *domain)
{
	(void)domain;
}

int domain_log_take(struct domain *domain, uint64_t *bits, uint64_t pfns)
{
	(void)domain;
	if (fake_fails("log take"))
		return -EIO;
	for (size_t i = 0; i < (pfns + 63) / 64; i++)
		bits[i] |= fake_log[i];
	memset(fake_log, 0, sizeof(fake_log));
	return 0;
}

int domain_each_granted(struct domain *domain, void (*each)(mfn_t mfn, void *context), void *context)
{
	(void)domain;
	if (fake_fails("grants"))
		return -EIO;
	if (mfn_is_valid(fake_granted))
		each(fake_granted, context);
	return 0;
}
