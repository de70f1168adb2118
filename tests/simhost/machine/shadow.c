/*
 * Trees of shadow tables, four levels whatever the guest has, in frames of Xen's.
 */
#include <errno.h>
#include <string.h>

#include "dirty.h"
#include "domain.h"
#include "frames.h"
#include "pte.h"
#include "shadow.h"
#include "walk.h"

enum { TOP = 4, FRAMES_MIN = 64, FRAMES_SHARE = 256, KERNEL_SLOT_64 = 256, KERNEL_SLOT_32 = 3 };

static unsigned slot_of(uint64_t va, unsigned level)
{
	return va >> (12 + 9 * (level - 1)) & (SLOTS - 1);
}

static uint64_t *slots_of(struct host *host, uint64_t mfn)
{
	return host_page(host, mfn);
}

static uint64_t frames_wanted(const struct domain *domain)
{
	return FRAMES_MIN + domain->tot_pages / FRAMES_SHARE;
}

bool shadow_has_room(struct host *host, struct domain *domain)
{
	const struct machine *machine = host->machine;
	uint64_t wanted = frames_wanted(domain);

	if (domain->shadow.nr_frames >= wanted)
		return true;
	return machine->nr_free >= machine->out_of_memory_below + wanted - domain->shadow.nr_frames;
}

static void free_tree(struct host *host, struct domain *domain, uint64_t mfn, unsigned level)
{
	const uint64_t *slots = slots_of(host, mfn);

	for (unsigned slot = 0; level > 1 && slot < SLOTS; slot++)
		if (slots[slot])
			free_tree(host, domain, pte_mfn(slots[slot]), level - 1);
	frame_put(host, mfn);
	domain->shadow.nr_frames--;
}

static void drop_root(struct host *host, struct domain *domain, struct shadow_root *root)
{
	if (root->guest_root)
		free_tree(host, domain, root->top, TOP);
	root->guest_root = 0;
}

void shadow_flush_all(struct host *host, struct domain *domain)
{
	domain->shadow.counts.full_flushes++;
	for (unsigned i = 0; i < SHADOW_ROOTS; i++)
		drop_root(host, domain, &domain->shadow.roots[i]);
}

static void free_slots(struct host *host, struct domain *domain, uint64_t mfn, unsigned level, unsigned end)
{
	uint64_t *slots = slots_of(host, mfn);

	for (unsigned slot = 0; slot < end; slot++) {
		if (slots[slot])
			free_tree(host, domain, pte_mfn(slots[slot]), level - 1);
		slots[slot] = 0;
	}
}

void shadow_flush_user(struct host *host, struct domain *domain)
{
	domain->shadow.counts.user_flushes++;
	for (unsigned i = 0; i < SHADOW_ROOTS; i++) {
		const struct shadow_root *root = &domain->shadow.roots[i];

		if (!root->guest_root)
			continue;
		if (!domain->is_32bit)
			free_slots(host, domain, root->top, TOP, KERNEL_SLOT_64);
		else if (*slots_of(host, root->top))
			free_slots(host, domain, pte_mfn(*slots_of(host, root->top)), TOP - 1,
				   KERNEL_SLOT_32);
	}
}

static bool is_user_va(const struct domain *domain, uint64_t va)
{
	return domain->is_32bit ? va < (uint64_t)KERNEL_SLOT_32 << 30 : va < 1ul << 47;
}

void shadow_table_changes(struct host *host, uint64_t mfn)
{
	struct frame *frame = &host->frames[mfn];
	struct domain *domain = domain_find_any(host, frame->owner);

	if (domain && frame->flags & FRAME_SHADOWED_KERNEL)
		shadow_flush_all(host, domain);
	else if (domain && frame->flags & FRAME_SHADOWED_USER)
		shadow_flush_user(host, domain);
	frame->flags &= ~(FRAME_SHADOWED_KERNEL | FRAME_SHADOWED_USER);
}

/* The root unused for longest, other than the one given, is dropped. */
static bool evict(struct host *host, struct domain *domain, const struct shadow_root *keep)
{
	struct shadow_root *oldest = NULL;

	for (unsigned i = 0; i < SHADOW_ROOTS; i++) {
		struct shadow_root *root = &domain->shadow.roots[i];

		if (root->guest_root && root != keep && (!oldest || root->last_used < oldest->last_used))
			oldest = root;
	}
	if (!oldest)
		return false;
	domain->shadow.counts.evictions++;
	drop_root(host, domain, oldest);
	return true;
}

static uint64_t new_table(struct host *host, struct domain *domain, const struct shadow_root *keep)
{
	uint64_t mfn = NO_FRAME;

	while (domain->shadow.nr_frames >= frames_wanted(domain) && evict(host, domain, keep))
		;
	if (domain->shadow.nr_frames < frames_wanted(domain))
		mfn = frames_alloc_xen(host);
	while (mfn == NO_FRAME && evict(host, domain, keep))
		mfn = frames_alloc_xen(host);
	if (mfn != NO_FRAME)
		domain->shadow.nr_frames++;
	return mfn;
}

static struct shadow_root *free_root(struct host *host, struct domain *domain)
{
	for (;;) {
		for (unsigned i = 0; i < SHADOW_ROOTS; i++)
			if (!domain->shadow.roots[i].guest_root)
				return &domain->shadow.roots[i];
		evict(host, domain, NULL);
	}
}

static struct shadow_root *find_root(struct domain *domain, uint64_t guest_root, bool user)
{
	for (unsigned i = 0; i < SHADOW_ROOTS; i++) {
		struct shadow_root *root = &domain->shadow.roots[i];

		if (root->guest_root == guest_root && root->user == user)
			return root;
	}
	return NULL;
}

/* The shadow of a level 1 that covers the address, made if need be; NULL: no memory. */
static uint64_t *level1(struct host *host, struct domain *domain, struct shadow_root *root, uint64_t va,
			bool make)
{
	uint64_t mfn = root->top;

	for (unsigned level = TOP; level > 1; level--) {
		uint64_t *slot = &slots_of(host, mfn)[slot_of(va, level)];

		if (!*slot) {
			uint64_t below = make ? new_table(host, domain, root) : NO_FRAME;

			if (below == NO_FRAME)
				return NULL;
			*slot = pte_make(below, PTE_PRESENT);
		}
		mfn = pte_mfn(*slot);
	}
	return &slots_of(host, mfn)[slot_of(va, 1)];
}

static void note_tables(struct host *host, const struct domain *domain, const struct walk *walk, uint64_t va)
{
	unsigned levels = domain->is_32bit ? 3 : 4;

	for (unsigned level = 1; level <= levels; level++)
		host->frames[walk->tables[level]].flags |= is_user_va(domain, va) ? FRAME_SHADOWED_USER
										  : FRAME_SHADOWED_KERNEL;
}

/* Fills the entry from the guest's tables.  It allows stores if this is one, or if the
 * guest's own entry is dirty already and nobody wants to know of the next. */
static uint64_t fill(struct host *host, struct domain *domain, struct shadow_root *root, uint64_t va,
		     bool write, bool user)
{
	struct walk walk = { .is_32bit = domain->is_32bit, .write = write, .user = user };
	uint64_t *entry;
	bool writable;

	if (walk_tables(host, root->guest_root, va, &walk))
		return NO_FRAME;
	writable = walk.writable && (write || (walk.dirty && !domain->log_dirty));
	if (write)
		dirty_mark(host, walk.mfn);
	note_tables(host, domain, &walk, va);
	entry = level1(host, domain, root, va, true);
	if (entry)
		*entry = pte_make(walk.mfn, PTE_PRESENT | (writable ? PTE_RW : 0));
	domain->shadow.counts.fills++;
	return walk.mfn;
}

static void fill_pinned(struct host *host, struct domain *domain, struct shadow_root *root)
{
	for (unsigned i = 0; i < SHADOW_PINS; i++)
		if (domain->shadow.pinned[i] && !root->user)
			fill(host, domain, root, domain->shadow.pinned[i], true, false);
}

static struct shadow_root *use_root(struct host *host, struct domain *domain, uint64_t guest_root, bool user)
{
	struct shadow_root *root = find_root(domain, guest_root, user);
	uint64_t top;

	if (!root) {
		root = free_root(host, domain);
		top = new_table(host, domain, NULL);
		if (top == NO_FRAME)
			return NULL;
		*root = (struct shadow_root){ .guest_root = guest_root, .top = top, .user = user };
		fill_pinned(host, domain, root);
	}
	root->last_used = ++domain->shadow.clock;
	return root;
}

/* Not even one table can be had: the guest's own serve, each time anew. */
static uint64_t access_without(struct host *host, struct domain *domain, uint64_t guest_root, uint64_t va,
			       bool write, bool user)
{
	struct walk walk = { .is_32bit = domain->is_32bit, .write = write, .user = user };

	if (walk_tables(host, guest_root, va, &walk))
		return NO_FRAME;
	if (write)
		dirty_mark(host, walk.mfn);
	return walk.mfn;
}

uint64_t shadow_access(struct host *host, struct domain *domain, uint64_t guest_root, uint64_t va, bool write,
		       bool user)
{
	struct shadow_root *root = guest_root ? use_root(host, domain, guest_root, user) : NULL;
	const uint64_t *entry;

	if (!guest_root)
		return NO_FRAME;
	if (!root)
		return access_without(host, domain, guest_root, va, write, user);
	entry = level1(host, domain, root, va, false);
	if (entry && *entry & PTE_PRESENT && (!write || *entry & PTE_RW))
		return pte_mfn(*entry);
	return fill(host, domain, root, va, write, user);
}

int shadow_pin(struct host *host, struct domain *domain, uint64_t va)
{
	for (unsigned i = 0; i < SHADOW_PINS; i++) {
		if (domain->shadow.pinned[i])
			continue;
		domain->shadow.pinned[i] = va;
		shadow_flush_all(host, domain);
		return 0;
	}
	return -ENOSPC;
}
