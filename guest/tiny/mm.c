/*
 * Address spaces. Each has two roots: the kernel's, with both halves, and the
 * user's, with the lower one only; they are pinned, loaded and let go of
 * together. Tables are read-only while something holds their space: a pin, or a
 * vCPU it is loaded on; a space that nothing holds is ordinary memory. A table that
 * spaces share counts the holds of each.
 *
 * A carrier knows a table by its type alone, and one that nothing holds has
 * none: so all are pinned before a suspend (mm_pin_all), and those that were
 * pinned only for that are unpinned afterwards.
 */
#include "tiny.h"

struct mm kernel_mm;
struct lock mm_lock;
struct mm_figures mm_pinning, mm_unpinning;
static struct mm *spaces;

static void mark_held(uint64_t *table, unsigned int level, void *context)
{
	(void)level, (void)context;
	pages[pfn_of(table)].holds = 1;
}

/* The builder's tables are read-only and pinned already. */
void mm_init(uint64_t *root)
{
	kernel_mm = (struct mm){ .root = root, .holders = 1 + MAX_VCPUS, .pinned = true };
	tables_walk(root, kernel_slots, mark_held, NULL);
}

struct mm *mm_new(void)
{
	struct mm *mm = virt(page_alloc());
	bool open;

	*mm = (struct mm){ .root = virt(page_alloc()), .user_root = virt(page_alloc()) };
	open = lock(&mm_lock);
	for (unsigned int i = kernel_slots.first; i < kernel_slots.end; i++)
		mm->root[i] = kernel_mm.root[i];
	mm->next = spaces;
	spaces = mm;
	unlock(&mm_lock, open);
	return mm;
}

/* --- holding ------------------------------------------------------------ */

static void hold_table(uint64_t *table, unsigned int level, void *context)
{
	(void)level, (void)context;
	page_hold(pfn_of(table));
}

static void drop_table(uint64_t *table, unsigned int level, void *context)
{
	(void)level, (void)context;
	page_drop(pfn_of(table));
}

static void hold(struct mm *mm)
{
	if (mm->holders++)
		return;
	tables_walk(mm->root, user_slots, hold_table, NULL);
	page_hold(pfn_of(mm->user_root));
}

/* Its types must be gone by then, or Xen lets no vCPU write. */
static void mm_drop(struct mm *mm)
{
	if (--mm->holders)
		return;
	tables_walk(mm->root, user_slots, drop_table, NULL);
	page_drop(pfn_of(mm->user_root));
	batch_operation(MMUEXT_TLB_FLUSH_ALL, 0);
}

static uint64_t frame(const void *table)
{
	return mfn_of(pfn_of(table));
}

static void pin(struct mm *mm)
{
	hold(mm);
	batch_operation(MMUEXT_PIN_L4_TABLE, frame(mm->root));
	batch_operation(MMUEXT_PIN_L4_TABLE, frame(mm->user_root));
	mm->pinned = true;
}

static void unpin(struct mm *mm)
{
	batch_operation(MMUEXT_UNPIN_TABLE, frame(mm->user_root));
	batch_operation(MMUEXT_UNPIN_TABLE, frame(mm->root));
	mm->pinned = mm->pinned_for_save = false;
	mm_drop(mm);
}

void mm_pin(struct mm *mm)
{
	bool open = lock(&mm_lock);

	if (!mm->pinned)
		pin(mm);
	batch_flush();
	unlock(&mm_lock, open);
}

void mm_unpin(struct mm *mm)
{
	bool open = lock(&mm_lock);

	if (mm->pinned)
		unpin(mm);
	batch_flush();
	unlock(&mm_lock, open);
}

void mm_load(struct mm *mm)
{
	bool open = lock(&mm_lock);
	struct mm *old = vcpus[this_vcpu()].mm;

	if (mm != old) {
		hold(mm);
		batch_operation(MMUEXT_NEW_BASEPTR, frame(mm->root));
		batch_operation(MMUEXT_NEW_USER_BASEPTR, mm->user_root ? frame(mm->user_root) : 0);
		vcpus[this_vcpu()].mm = mm;
		mm_drop(old);
		batch_flush();
	}
	unlock(&mm_lock, open);
}

static void unload(void *mm)
{
	if (vcpus[this_vcpu()].mm == mm)
		mm_load(&kernel_mm);
}

void mm_unload_everywhere(struct mm *mm)
{
	for (unsigned int i = 0; i < MAX_VCPUS; i++)
		if (vcpus[i].up && ONCE(vcpus[i].mm) == mm)
			vcpu_call(i, unload, mm);
}

/* --- for a save --------------------------------------------------------- */

static void count_table(uint64_t *table, unsigned int level, void *context)
{
	(void)table, (void)level;
	++*(uint64_t *)context;
}

static uint64_t tables_of(struct mm *mm)
{
	uint64_t count = 1;

	tables_walk(mm->root, user_slots, count_table, &count);
	return count;
}

uint64_t mm_tables(struct mm *mm)
{
	bool open = lock(&mm_lock);
	uint64_t count = tables_of(mm);

	unlock(&mm_lock, open);
	return count;
}

void mm_pin_all(void)
{
	bool open = lock(&mm_lock);
	uint64_t began = now_ns(), hypercalls = batch_figures.hypercalls;

	mm_pinning = (struct mm_figures){ 0 };
	for (struct mm *mm = spaces; mm; mm = mm->next) {
		mm_pinning.spaces++;
		if (mm->pinned)
			continue;
		mm_pinning.tables += tables_of(mm);
		mm_pinning.pinned_for_save++;
		pin(mm);
		mm->pinned_for_save = true;
	}
	batch_flush();
	mm_pinning.hypercalls = batch_figures.hypercalls - hypercalls;
	mm_pinning.ns = now_ns() - began;
	unlock(&mm_lock, open);
}

void mm_unpin_all(void)
{
	bool open = lock(&mm_lock);
	uint64_t began = now_ns(), hypercalls = batch_figures.hypercalls;

	mm_unpinning = mm_pinning;
	for (struct mm *mm = spaces; mm; mm = mm->next)
		if (mm->pinned_for_save)
			unpin(mm);
	batch_flush();
	mm_unpinning.hypercalls = batch_figures.hypercalls - hypercalls;
	mm_unpinning.ns = now_ns() - began;
	unlock(&mm_lock, open);
}

uint64_t mm_count(void)
{
	bool open = lock(&mm_lock);
	uint64_t count = 0;

	for (struct mm *mm = spaces; mm; mm = mm->next)
		count++;
	unlock(&mm_lock, open);
	return count;
}

/* --- the end ------------------------------------------------------------ */

static void put_table(uint64_t *table, unsigned int level, struct range slots)
{
	if (pages[pfn_of(table)].refs > 1) {
		page_put(pfn_of(table));
		return;
	}
	for (unsigned int i = slots.first; i < slots.end; i++) {
		if (!(table[i] & PRESENT))
			continue;
		if (level > 1)
			put_table(entry_table(table[i]), level - 1, (struct range){ 0, TABLE_SLOTS });
		else if (m2p_get(entry_mfn(table[i])) < page_count)
			page_put(m2p_get(entry_mfn(table[i])));
	}
	memset(table, 0, PAGE_BYTES); /* no carrier shall take it for a table any more */
	page_put(pfn_of(table));
}

void mm_destroy(struct mm *mm)
{
	struct mm **at = &spaces;
	bool open;

	mm_unload_everywhere(mm);
	mm_unpin(mm);
	open = lock(&mm_lock);
	while (*at != mm)
		at = &(*at)->next;
	*at = mm->next;
	put_table(mm->root, ROOT, user_slots);
	memset(mm->user_root, 0, PAGE_BYTES);
	page_put(pfn_of(mm->user_root));
	page_put(pfn_of(mm));
	unlock(&mm_lock, open);
}
