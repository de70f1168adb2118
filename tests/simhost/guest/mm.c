/*
 * Making, pinning and changing address spaces.
 */
#include <errno.h>

#include "../machine/pte.h"
#include "mm.h"

enum { KERNEL_FIRST_SLOT = L4_XEN_LAST + 1, USER_L2_SLOT = USER_VA >> 21 & (SLOTS - 1) };

#define MM(mm, field) \
	(offsetof(struct guest_state, mms) + (mm) * sizeof(struct guest_mm) + \
	 offsetof(struct guest_mm, field))

static const uint64_t table_bits = PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY;

uint64_t mm_flags(struct guest *guest, unsigned mm)
{
	return kernel_get(guest, MM(mm, flags));
}

uint64_t mm_pages(struct guest *guest, unsigned mm)
{
	return kernel_get(guest, MM(mm, pages));
}

static uint64_t read_slot(struct guest *guest, uint64_t pfn, unsigned slot)
{
	uint64_t entry = 0;

	kernel_load(guest, pfn, slot * 8, &entry, sizeof(entry));
	return entry;
}

static void write_slot(struct guest *guest, uint64_t pfn, unsigned slot, uint64_t entry)
{
	kernel_store(guest, pfn, slot * 8, &entry, sizeof(entry));
}

static void hang(struct guest *guest, uint64_t above, unsigned slot, uint64_t below, uint64_t bits)
{
	write_slot(guest, above, slot, pte_make(kernel_mfn(guest, below), bits));
}

static void copy_slots(struct guest *guest, uint64_t to, uint64_t from, unsigned first, unsigned end)
{
	uint64_t slots[SLOTS];
	size_t at = first * 8, bytes = (end - first) * 8;

	if (!kernel_load(guest, from, at, slots, bytes))
		kernel_store(guest, to, at, slots, bytes);
}

static void fill_64(struct guest *guest, const struct guest_mm *mm)
{
	copy_slots(guest, mm->root, GET(guest, root), KERNEL_FIRST_SLOT, SLOTS);
	hang(guest, mm->root, 0, mm->l3, table_bits);
	hang(guest, mm->user_root, 0, mm->l3, table_bits);
	hang(guest, mm->l3, 0, mm->l2, table_bits);
}

static void fill_32(struct guest *guest, const struct guest_mm *mm)
{
	copy_slots(guest, mm->kernel_l2, GET(guest, kernel_l2), 0, PAE_L2_XEN_FIRST);
	hang(guest, mm->root, 0, mm->l2, PTE_PRESENT);
	hang(guest, mm->root, PAE_L3_SLOTS - 1, mm->kernel_l2, PTE_PRESENT);
}

/* Every fifth page is read-only; every seventh entry is one that is not present. */
static void fill_l1s(struct guest *guest, const struct guest_mm *mm)
{
	for (unsigned i = 0; i < MM_L1S; i++)
		hang(guest, mm->l2, USER_L2_SLOT + i, mm->l1[i], table_bits);
	for (unsigned i = 0; i < mm->pages; i++) {
		uint64_t bits = PTE_PRESENT | PTE_USER | (i % 5 ? PTE_RW : 0) | (i % 3 ? PTE_NX : 0) |
				(uint64_t)(i % 8) << 9;
		uint64_t pfn = i % 7 ? kernel_random_data_page(guest) : NO_FRAME;

		if (pfn == NO_FRAME) {
			write_slot(guest, mm->l1[i / SLOTS], i % SLOTS, (uint64_t)i << 13 | 0x100);
			continue;
		}
		kernel_set_use(guest, pfn, USE_MAPPED);
		hang(guest, mm->l1[i / SLOTS], i % SLOTS, pfn, bits);
	}
}

static bool take_tables(struct guest *guest, struct guest_mm *mm)
{
	uint64_t *const wanted[] = {
		&mm->root,
		&mm->l2,
		&mm->l1[0],
		&mm->l1[1],
		guest->is_32bit ? &mm->kernel_l2 : &mm->user_root,
		guest->is_32bit ? NULL : &mm->l3,
	};

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (!wanted[i])
			continue;
		*wanted[i] = kernel_take(guest, USE_TABLE);
		if (*wanted[i] != NO_FRAME)
			continue;
		while (i--)
			if (wanted[i])
				kernel_give(guest, *wanted[i]);
		return false;
	}
	return true;
}

static void load_mm(struct guest *guest, unsigned mm, struct guest_mm *to)
{
	cpu_load(&guest->cpu, guest->state_va + MM(mm, flags), to, sizeof(*to));
}

int mm_create(struct guest *guest, uint64_t pages)
{
	struct guest_mm mm = { .flags = MM_ALIVE, .pages = pages };
	unsigned index = 0;

	while (index < GUEST_MMS_MAX && mm_flags(guest, index) & MM_ALIVE)
		index++;
	if (index == GUEST_MMS_MAX || !take_tables(guest, &mm))
		return -ENOSPC;
	if (guest->is_32bit)
		fill_32(guest, &mm);
	else
		fill_64(guest, &mm);
	fill_l1s(guest, &mm);
	cpu_store(&guest->cpu, guest->state_va + MM(index, flags), &mm, sizeof(mm));
	PUT(guest, mms_made, GET(guest, mms_made) + 1);
	return index;
}

void mm_map_kernel(struct guest *guest, uint64_t va, uint64_t pfn, bool writable)
{
	uint64_t bits = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_NX | (writable ? PTE_RW : 0);
	uint64_t entry = pfn == NO_FRAME ? 0 : pte_make(kernel_mfn(guest, pfn), bits);
	long err = cpu_call(&guest->cpu, __HYPERVISOR_update_va_mapping, va, entry, UVMF_INVLPG, 0);

	if (err && err != -ESRCH)
		kernel_complain(guest, "cannot map at", va);
}

/* All tables of an address space, in one list. */
static unsigned list_tables(struct guest *guest, const struct guest_mm *mm, uint64_t *pfns)
{
	unsigned nr = 0;

	pfns[nr++] = mm->root;
	pfns[nr++] = mm->l2;
	pfns[nr++] = mm->l1[0];
	pfns[nr++] = mm->l1[1];
	pfns[nr++] = guest->is_32bit ? mm->kernel_l2 : mm->user_root;
	if (!guest->is_32bit)
		pfns[nr++] = mm->l3;
	return nr;
}

static void set_writable(struct guest *guest, const struct guest_mm *mm, bool writable)
{
	uint64_t pfns[8];
	unsigned nr = list_tables(guest, mm, pfns);

	for (unsigned i = 0; i < nr; i++)
		mm_map_kernel(guest, guest->direct_va + pfns[i] * PAGE_BYTES, pfns[i], writable);
}

/* A top level and its user twin in one list, as Linux has it. */
static void pin_roots(struct guest *guest, const struct guest_mm *mm, bool pin)
{
	unsigned cmd = !pin	       ? MMUEXT_UNPIN_TABLE
		     : guest->is_32bit ? MMUEXT_PIN_L3_TABLE
				       : MMUEXT_PIN_L4_TABLE;
	struct mmuext_op ops[2] = {
		{ .cmd = cmd, .arg1.mfn = kernel_mfn(guest, mm->root) },
		{ .cmd = cmd },
	};
	long err;

	if (!guest->is_32bit)
		ops[1].arg1.mfn = kernel_mfn(guest, mm->user_root);
	err = cpu_call(&guest->cpu, __HYPERVISOR_mmuext_op, (uintptr_t)ops, guest->is_32bit ? 1 : 2, 0,
		       DOMID_SELF);
	if (err && err != -ESRCH)
		kernel_complain(guest, pin ? "cannot pin pfn" : "cannot unpin pfn", mm->root);
}

static void set_flags(struct guest *guest, unsigned index, uint64_t set, uint64_t clear)
{
	kernel_put(guest, MM(index, flags), (mm_flags(guest, index) | set) & ~clear);
}

void mm_pin(struct guest *guest, unsigned index)
{
	struct guest_mm mm;

	load_mm(guest, index, &mm);
	if (mm.flags & MM_PINNED)
		return;
	set_writable(guest, &mm, false);
	pin_roots(guest, &mm, true);
	set_flags(guest, index, MM_PINNED, 0);
}

void mm_unpin(struct guest *guest, unsigned index)
{
	struct guest_mm mm;

	load_mm(guest, index, &mm);
	if (!(mm.flags & MM_PINNED))
		return;
	pin_roots(guest, &mm, false);
	set_writable(guest, &mm, true);
	set_flags(guest, index, 0, MM_PINNED | MM_PINNED_TO_SUSPEND);
}

void mm_pin_all(struct guest *guest)
{
	for (unsigned i = 0; i < GUEST_MMS_MAX; i++) {
		if ((mm_flags(guest, i) & (MM_ALIVE | MM_PINNED)) != MM_ALIVE)
			continue;
		mm_pin(guest, i);
		set_flags(guest, i, MM_PINNED_TO_SUSPEND, 0);
	}
}

void mm_unpin_all(struct guest *guest)
{
	for (unsigned i = 0; i < GUEST_MMS_MAX; i++)
		if (mm_flags(guest, i) & MM_PINNED_TO_SUSPEND)
			mm_unpin(guest, i);
}

static void release_pages(struct guest *guest, const struct guest_mm *mm)
{
	for (unsigned i = 0; i < mm->pages; i++) {
		uint64_t entry = read_slot(guest, mm->l1[i / SLOTS], i % SLOTS), pfn;

		if (!(entry & PTE_PRESENT))
			continue;
		pfn = kernel_pfn(guest, pte_mfn(entry));
		if (pfn >= guest->nr_pages) /* not the guest's own */
			continue;
		if (kernel_use(guest, pfn) != USE_MAPPED)
			kernel_complain(guest, "an entry names the wrong pfn", pfn);
		kernel_set_use(guest, pfn, USE_DATA);
	}
}

void mm_destroy(struct guest *guest, unsigned index)
{
	uint64_t pfns[8];
	struct guest_mm mm;
	unsigned nr;

	mm_unpin(guest, index);
	load_mm(guest, index, &mm);
	release_pages(guest, &mm);
	nr = list_tables(guest, &mm, pfns);
	for (unsigned i = 0; i < nr; i++)
		kernel_give(guest, pfns[i]);
	kernel_put(guest, MM(index, flags), 0);
}

void mm_switch(struct guest *guest, unsigned vcpu, int index)
{
	struct mmuext_op ops[2] = {
		{ .cmd = MMUEXT_NEW_BASEPTR },
		{ .cmd = MMUEXT_NEW_USER_BASEPTR },
	};
	struct cpu cpu = guest->cpu;
	struct guest_mm mm = { .root = GET(guest, root) };
	uint8_t noted = index + 1;
	long err;

	if (index >= 0) {
		mm_pin(guest, index);
		load_mm(guest, index, &mm);
	}
	ops[0].arg1.mfn = kernel_mfn(guest, mm.root);
	ops[1].arg1.mfn = mm.user_root ? kernel_mfn(guest, mm.user_root) : 0;
	cpu.vcpu = vcpu;
	err = cpu_call(&cpu, __HYPERVISOR_mmuext_op, (uintptr_t)ops, guest->is_32bit ? 1 : 2, 0, DOMID_SELF);
	if (err && err != -ESRCH)
		kernel_complain(guest, "cannot switch to root", mm.root);
	cpu_store(&guest->cpu, guest->state_va + offsetof(struct guest_state, vcpu_mm) + vcpu, &noted, 1);
}

uint64_t mm_get_entry(struct guest *guest, unsigned index, unsigned page)
{
	return read_slot(guest, kernel_get(guest, MM(index, l1) + page / SLOTS * 8), page % SLOTS);
}

void mm_set_entry(struct guest *guest, unsigned index, unsigned page, uint64_t entry)
{
	uint64_t l1 = kernel_get(guest, MM(index, l1) + page / SLOTS * 8);
	struct mmu_update update = {
		.ptr = kernel_mfn(guest, l1) * PAGE_BYTES + page % SLOTS * 8,
		.val = entry,
	};
	long err;

	if (!(mm_flags(guest, index) & MM_PINNED)) {
		write_slot(guest, l1, page % SLOTS, entry);
		return;
	}
	err = cpu_call(&guest->cpu, __HYPERVISOR_mmu_update, (uintptr_t)&update, 1, 0, DOMID_SELF);
	if (err && err != -ESRCH)
		kernel_complain(guest, "cannot change an entry of pfn", l1);
}
