/*
 * The allocator.  Single frames come one after another out of one 2 MiB extent
 * at a time, and extents in shuffled order, which is what a guest built on a
 * busy host looks like; a share of them can come from anywhere instead.
 */
#include <errno.h>
#include <string.h>

#include "domain.h"
#include "frames.h"

static struct extent *extent_of(struct host *host, uint64_t mfn)
{
	return &host->machine->extents[mfn / EXTENT_FRAMES];
}

static bool in_use(const struct extent *extent, unsigned slot)
{
	return extent->used[slot / 64] >> (slot % 64) & 1;
}

static void take(struct host *host, uint64_t mfn)
{
	struct extent *extent = extent_of(host, mfn);
	unsigned slot = mfn % EXTENT_FRAMES;

	extent->used[slot / 64] |= 1ul << (slot % 64);
	extent->nr_free--;
	host->machine->nr_free--;
}

static void give_back(struct host *host, uint64_t mfn)
{
	struct extent *extent = extent_of(host, mfn);
	unsigned slot = mfn % EXTENT_FRAMES;

	extent->used[slot / 64] &= ~(1ul << (slot % 64));
	extent->nr_free++;
	host->machine->nr_free++;
}

void frames_init(struct host *host)
{
	struct machine *machine = host->machine;

	machine->nr_extents = machine->nr_frames / EXTENT_FRAMES;
	machine->nr_free = machine->nr_extents * EXTENT_FRAMES;
	machine->open_extent = 0;
	for (uint64_t i = 0; i < machine->nr_extents; i++)
		machine->extents[i].nr_free = EXTENT_FRAMES;
}

void frames_reserve(struct host *host, uint64_t first, uint64_t count)
{
	for (uint64_t mfn = first; mfn < first + count; mfn++) {
		take(host, mfn);
		extent_of(host, mfn)->reserved = 1;
		host->frames[mfn].owner = DOMID_XEN;
		host->frames[mfn].refs = 1;
		host->frames[mfn].flags = FRAME_ALLOCATED | FRAME_XEN_HEAP;
	}
}

/* An extent with at least min free frames, and at most max, found from a random start. */
static uint64_t find_extent(struct host *host, unsigned min, unsigned max)
{
	struct machine *machine = host->machine;
	uint64_t start = host_random(host, machine->nr_extents);

	for (uint64_t i = 0; i < machine->nr_extents; i++) {
		uint64_t e = (start + i) % machine->nr_extents;

		if (machine->extents[e].nr_free >= min && machine->extents[e].nr_free <= max)
			return e;
	}
	return NO_FRAME;
}

static uint64_t find_run(const struct extent *extent, unsigned from, unsigned frames)
{
	for (unsigned i = 0; i < EXTENT_FRAMES; i += frames) {
		unsigned slot = (from + i) % EXTENT_FRAMES, n;

		for (n = 0; n < frames && !in_use(extent, slot + n); n++)
			;
		if (n == frames)
			return slot;
	}
	return NO_FRAME;
}

static uint64_t first_free(const struct extent *extent)
{
	for (unsigned word = 0; word < EXTENT_FRAMES / 64; word++)
		if (~extent->used[word])
			return word * 64 + __builtin_ctzl(~extent->used[word]);
	return NO_FRAME;
}

static uint64_t pick_scattered(struct host *host)
{
	uint64_t e = find_extent(host, 1, EXTENT_FRAMES);
	uint64_t slot;

	if (e == NO_FRAME)
		return NO_FRAME;
	slot = find_run(&host->machine->extents[e], host_random(host, EXTENT_FRAMES), 1);
	return e * EXTENT_FRAMES + slot;
}

static uint64_t pick_single(struct host *host)
{
	struct machine *machine = host->machine;

	if (machine->scatter && host_random(host, 100) < machine->scatter)
		return pick_scattered(host);
	if (!machine->extents[machine->open_extent].nr_free) {
		uint64_t e = find_extent(host, 1, EXTENT_FRAMES - 1);

		if (e == NO_FRAME)
			e = find_extent(host, 1, EXTENT_FRAMES);
		if (e == NO_FRAME)
			return NO_FRAME;
		machine->open_extent = e;
	}
	return machine->open_extent * EXTENT_FRAMES + first_free(&machine->extents[machine->open_extent]);
}

static uint64_t pick_run(struct host *host, unsigned frames)
{
	struct machine *machine = host->machine;
	uint64_t start = host_random(host, machine->nr_extents);

	for (uint64_t i = 0; i < machine->nr_extents; i++) {
		uint64_t e = (start + i) % machine->nr_extents;
		uint64_t slot;

		if (machine->extents[e].nr_free < frames)
			continue;
		slot = find_run(&machine->extents[e], 0, frames);
		if (slot != NO_FRAME)
			return e * EXTENT_FRAMES + slot;
	}
	return NO_FRAME;
}

static uint64_t pick(struct host *host, unsigned order)
{
	if (order > 9 || host->machine->nr_free < (1u << order) ||
	    host->machine->nr_free <= host->machine->out_of_memory_below)
		return NO_FRAME;
	return order ? pick_run(host, 1u << order) : pick_single(host);
}

static void hand_out(struct host *host, uint64_t mfn, uint16_t owner, uint8_t flags)
{
	struct frame *frame = &host->frames[mfn];

	take(host, mfn);
	memset(frame, 0, sizeof(*frame));
	frame->refs = 1;
	frame->owner = owner;
	frame->flags = FRAME_ALLOCATED | flags;
	frame_set_pfn(host, mfn, NO_FRAME);
	if (flags & FRAME_XEN_HEAP)
		memset(host_page(host, mfn), 0, PAGE_BYTES);
	else if (host->machine->poison)
		memset(host_page(host, mfn), 0xc2, PAGE_BYTES);
}

uint64_t frames_alloc(struct host *host, struct domain *domain, unsigned order)
{
	uint64_t mfn = pick(host, order);

	if (mfn == NO_FRAME)
		return NO_FRAME;
	for (unsigned i = 0; i < 1u << order; i++)
		hand_out(host, mfn + i, domain->domid, 0);
	domain->tot_pages += 1u << order;
	return mfn;
}

uint64_t frames_alloc_shared(struct host *host, struct domain *domain)
{
	uint64_t mfn = pick(host, 0);

	if (mfn == NO_FRAME)
		return NO_FRAME;
	hand_out(host, mfn, domain->domid, FRAME_XEN_HEAP);
	domain->heap_pages++;
	return mfn;
}

uint64_t frames_alloc_xen(struct host *host)
{
	uint64_t mfn = pick(host, 0);

	if (mfn != NO_FRAME)
		hand_out(host, mfn, DOMID_XEN, FRAME_XEN_HEAP);
	return mfn;
}

int frame_get(struct host *host, uint64_t mfn, const struct domain *domain)
{
	struct frame *frame = &host->frames[mfn];

	if (!frame_exists(host, mfn) || !frame->refs || frame->owner != domain->domid)
		return -EINVAL;
	frame->refs++;
	return 0;
}

static void frame_free(struct host *host, uint64_t mfn)
{
	struct frame *frame = &host->frames[mfn];
	struct domain *domain = domain_find_any(host, frame->owner);

	frame_set_pfn(host, mfn, NO_FRAME);
	give_back(host, mfn);
	if (!domain)
		return;
	if (frame->flags & FRAME_XEN_HEAP)
		domain->heap_pages--;
	else
		domain->tot_pages--;
	domain_forget_if_gone(host, domain);
}

void frame_put(struct host *host, uint64_t mfn)
{
	if (!--host->frames[mfn].refs)
		frame_free(host, mfn);
}

int frame_release(struct host *host, uint64_t mfn)
{
	struct frame *frame = &host->frames[mfn];

	if (!(frame->flags & FRAME_ALLOCATED))
		return -EINVAL;
	frame->flags &= ~FRAME_ALLOCATED;
	frame_put(host, mfn);
	return 0;
}

void frame_set_pfn(struct host *host, uint64_t mfn, uint64_t pfn)
{
	uint32_t *compat = host_page(host, host->machine->compat_m2p);

	host_m2p(host)[mfn] = pfn;
	compat[mfn] = pfn;
}
