/*
 * The processor against a reference that walks the guest's tables on every access:
 * the same frame, the same faults, accessed and dirty bits set when they must be and
 * not before, and pages logged as dirty exactly if they were written to.
 */
#include <stdlib.h>

#include "../cpu/cpu.h"
#include "../guest/kernel.h"
#include "../guest/mm.h"
#include "../machine/shadow.h"
#include "../machine/walk.h"
#include "rules.h"

enum { ROUNDS = 30000, MMS = 5, MM_DATA = 64 };

static struct guest guest;
static bool in_user, faulted;
static int now_in;
static uint64_t changed_va;

static int setup(void **state)
{
	int err = rules_setup(state);

	host_lock(&rules.host);
	domain_unpause(rules.domain);
	host_unlock(&rules.host);
	err = err ? err : kernel_enter(&guest, &rules.host, rules.built.domid);
	for (unsigned i = 0; i < MMS && !err; i++)
		err = mm_create(&guest, MM_DATA) < 0;
	mm_switch(&guest, 0, 0);
	now_in = 0;
	in_user = false;
	return err;
}

static uint64_t current_root(void)
{
	const struct vcpu *vcpu = &rules.domain->vcpus[0];

	return in_user ? vcpu->user_root : vcpu->root;
}

static int reference(uint64_t va, bool write, struct walk *walk)
{
	*walk = (struct walk){ .write = write, .user = in_user, .probe = true };
	return walk_tables(&rules.host, current_root(), va, walk);
}

static uint64_t *entry_of(const struct walk *walk, uint64_t va, unsigned level)
{
	uint64_t *slots = host_page(&rules.host, walk->tables[level]);

	return &slots[va >> (12 + 9 * (level - 1)) & (SLOTS - 1)];
}

static uint64_t random_va(void)
{
	switch (kernel_random(&guest, 4)) {
	case 0: return guest.direct_va + kernel_random(&guest, guest.nr_pages + 8) * PAGE_BYTES;
	case 1: return rules.state->p2m_va + kernel_random(&guest, 8) * PAGE_BYTES;
	case 2: return changed_va;
	default: return USER_VA + kernel_random(&guest, MM_DATA + 4) * PAGE_BYTES;
	}
}

static void access_like_reference(void)
{
	bool write = kernel_random(&guest, 2), was_dirty = false;
	uint64_t va = random_va(), word = 0;
	struct cpu cpu = guest.cpu;
	struct walk walk;
	int wanted = reference(va, write, &walk), got;

	cpu.user = in_user;
	if (!wanted) {
		was_dirty = walk.dirty;
		memcpy(&word, host_page(&rules.host, walk.mfn), sizeof(word));
	}
	if (va < 1ul << 47) /* what a store puts there shows that it is the right place */
		word += write;
	got = write ? cpu_store(&cpu, va, &word, sizeof(word)) : cpu_load(&cpu, va, &word, sizeof(word));
	assert_int_equal(got, wanted);
	faulted = wanted;
	if (wanted)
		return;
	assert_memory_equal(&word, host_page(&rules.host, walk.mfn), sizeof(word));
	for (unsigned level = 1; level <= 4; level++)
		assert_true(*entry_of(&walk, va, level) & PTE_ACCESSED);
	assert_int_equal(!!(*entry_of(&walk, va, 1) & PTE_DIRTY), was_dirty || write);
}

/* The guest clears accessed and dirty bits, changes rights, moves pages. */
static void change_something(void)
{
	int mm = kernel_random(&guest, 2) ? now_in : (int)kernel_random(&guest, MMS);
	unsigned page = kernel_random(&guest, MM_DATA), other = kernel_random(&guest, MM_DATA);
	uint64_t entry = mm_get_entry(&guest, mm, page);

	changed_va = USER_VA + page * PAGE_BYTES;
	switch (kernel_random(&guest, 8)) {
	case 0: mm_switch(&guest, 0, now_in = mm); break;
	case 1: in_user = !in_user; break;
	case 2: mm_set_entry(&guest, mm, page, entry & ~(PTE_ACCESSED | PTE_DIRTY)); break;
	case 3:
		if (entry & PTE_PRESENT)
			mm_set_entry(&guest, mm, page, entry ^ PTE_RW);
		break;
	case 4:
		mm_set_entry(&guest, mm, page, mm_get_entry(&guest, mm, other));
		mm_set_entry(&guest, mm, other, entry);
		break;
	case 5:
		if (mm != now_in)
			mm_unpin(&guest, mm);
		break;
	case 6:
		if (entry & PTE_USER)
			mm_set_entry(&guest, mm, page, entry ^ PTE_PRESENT);
		break;
	case 7:
		rules_guest_call(__HYPERVISOR_mmuext_op,
				 &(struct mmuext_op){ .cmd = page % 2 ? MMUEXT_TLB_FLUSH_LOCAL
								      : MMUEXT_TLB_FLUSH_ALL },
				 1, 0, DOMID_SELF);
	}
}

static void shadows_do_what_a_walk_would(void **state)
{
	unsigned touched = 0;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (kernel_random(&guest, 4) == 0)
			change_something();
		access_like_reference();
		touched += !faulted;
	}
	assert_true(touched > ROUNDS / 3);
	assert_int_equal(GET(&guest, complaints), 0);
	assert_true(rules.domain->shadow.counts.fills > 0);
	assert_true(rules.domain->shadow.counts.evictions > 0);
	assert_true(rules.domain->shadow.counts.user_flushes > 0);
	assert_true(rules.domain->shadow.counts.full_flushes > 0);
}

static void clean(uint64_t *bitmap)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op };

	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_CLEAN;
	op.u.shadow_op.pages = guest.nr_pages;
	op.u.shadow_op.dirty_bitmap.p = (uint8_t *)bitmap;
	assert_int_equal(rules_domctl(&op), 0);
}

static bool is_set(const uint64_t *bitmap, uint64_t pfn)
{
	return bitmap[pfn / 64] >> (pfn % 64) & 1;
}

static void log_dirty(unsigned how)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op };

	op.u.shadow_op.op = how;
	assert_int_equal(rules_domctl(&op), 0);
}

static void dirty_is_what_was_written(void **state)
{
	uint64_t bitmap[64], written[64];
	uint8_t byte = 1;

	(void)state;
	in_user = false;
	log_dirty(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	for (unsigned round = 0; round < 200; round++) {
		memset(written, 0, sizeof(written));
		for (unsigned i = 0; i < 50; i++) {
			uint64_t pfn = (round * 7919 + i * i * 104729) % guest.nr_pages;
			uint64_t va = guest.direct_va + pfn * PAGE_BYTES;
			bool write = (round + i) % 2;

			cpu_load(&guest.cpu, va, &byte, 1);
			if (write && !cpu_store(&guest.cpu, va, &byte, 1))
				written[pfn / 64] |= 1ul << (pfn % 64);
		}
		clean(bitmap);
		for (uint64_t pfn = 0; pfn < guest.nr_pages; pfn++)
			assert_int_equal(is_set(bitmap, pfn), is_set(written, pfn));
	}
	log_dirty(XEN_DOMCTL_SHADOW_OP_OFF);
}

static void a_table_whose_bits_change_is_dirty_too(void **state)
{
	uint64_t bitmap[64], va = USER_VA + PAGE_BYTES, word = 0;
	struct walk walk;

	(void)state;
	log_dirty(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	assert_int_equal(cpu_load(&guest.cpu, va, &word, 8), 0);
	clean(bitmap);
	assert_int_equal(reference(va, true, &walk), 0);
	assert_int_equal(cpu_store(&guest.cpu, va, &word, 8), 0);
	clean(bitmap);
	assert_true(is_set(bitmap, host_m2p(&rules.host)[walk.tables[1]]));
	assert_true(is_set(bitmap, host_m2p(&rules.host)[walk.mfn]));
	assert_int_equal(cpu_store(&guest.cpu, va, &word, 8), 0);
	clean(bitmap);
	assert_false(is_set(bitmap, host_m2p(&rules.host)[walk.tables[1]]));
	log_dirty(XEN_DOMCTL_SHADOW_OP_OFF);
}

static void a_page_read_only_to_the_guest_faults_on_stores(void **state)
{
	uint64_t va = guest.direct_va + rules.state->root * PAGE_BYTES, word;

	(void)state;
	assert_int_equal(cpu_load(&guest.cpu, va, &word, 8), 0);
	assert_int_equal(cpu_store(&guest.cpu, va, &word, 8), -EFAULT);
	assert_int_equal(cpu_load(&guest.cpu, 0xdead000, &word, 8), -EFAULT);
	assert_int_equal(cpu_load(&guest.cpu, HYPERVISOR_VIRT_START, &word, 8), -EFAULT);
}

static unsigned roots_kept(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SHADOW_ROOTS; i++)
		n += rules.domain->shadow.roots[i].guest_root != 0;
	return n;
}

static void few_roots_are_kept(void **state)
{
	uint64_t word, before;

	(void)state;
	for (int mm = 0; mm < MMS; mm++)
		mm_pin(&guest, mm);
	for (unsigned i = 0; i < 4 * MMS; i++) {
		struct cpu cpu = guest.cpu;

		mm_switch(&guest, 0, i % MMS);
		cpu.user = i & 1;
		cpu_load(&cpu, USER_VA + PAGE_BYTES, &word, 8);
		assert_true(roots_kept() <= SHADOW_ROOTS);
	}
	assert_int_equal(roots_kept(), SHADOW_ROOTS);
	before = rules.domain->shadow.counts.fills;
	cpu_load(&guest.cpu, guest.direct_va, &word, 8);
	cpu_load(&guest.cpu, guest.direct_va, &word, 8);
	assert_true(rules.domain->shadow.counts.fills <= before + 1);
}

static void a_pinned_address_is_always_there(void **state)
{
	uint64_t va = guest.direct_va + rules.state->console * PAGE_BYTES, word = 0, before;

	(void)state;
	assert_int_equal(shadow_pin(&rules.host, rules.domain, va), 0);
	for (int mm = 0; mm < MMS; mm++) {
		mm_switch(&guest, 0, mm);
		cpu_load(&guest.cpu, guest.direct_va, &word, 8);
		before = rules.domain->shadow.counts.fills;
		assert_int_equal(cpu_store(&guest.cpu, va, &word, 8), 0);
		assert_true(rules.domain->shadow.counts.fills == before);
	}
}

static void user_mappings_go_alone(void **state)
{
	uint64_t word, fills;
	struct cpu cpu = guest.cpu;

	(void)state;
	cpu_load(&cpu, guest.direct_va, &word, 8);
	cpu_load(&cpu, USER_VA + PAGE_BYTES, &word, 8);
	host_lock(&rules.host);
	shadow_flush_user(&rules.host, rules.domain);
	host_unlock(&rules.host);
	fills = rules.domain->shadow.counts.fills;
	cpu_load(&cpu, guest.direct_va, &word, 8);
	assert_true(rules.domain->shadow.counts.fills == fills);
	cpu_load(&cpu, USER_VA + PAGE_BYTES, &word, 8);
	assert_true(rules.domain->shadow.counts.fills == fills + 1);
}

static void a_host_without_memory_still_runs_it(void **state)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op };

	rules.host.machine->out_of_memory_below = rules.host.machine->nr_free;
	host_lock(&rules.host);
	shadow_flush_all(&rules.host, rules.domain);
	host_unlock(&rules.host);
	rules.host.machine->out_of_memory_below = rules.host.machine->nr_free;
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
	assert_int_equal(rules_domctl(&op), -ENOMEM);
	for (unsigned i = 0; i < 1000; i++)
		access_like_reference();
	(void)state;
	rules.host.machine->out_of_memory_below = 0;
}

#define SHADOW(name) cmocka_unit_test_setup_teardown(name, setup, rules_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHADOW(shadows_do_what_a_walk_would),
		SHADOW(dirty_is_what_was_written),
		SHADOW(a_table_whose_bits_change_is_dirty_too),
		SHADOW(a_page_read_only_to_the_guest_faults_on_stores),
		SHADOW(few_roots_are_kept),
		SHADOW(a_pinned_address_is_always_there),
		SHADOW(user_mappings_go_alone),
		SHADOW(a_host_without_memory_still_runs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
