/*
 * What may be mapped, what may be a page table, and what Xen says to the rest.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules.h"

static const uint64_t table = PTE_PRESENT | PTE_RW | PTE_USER;

static uint64_t *slots(uint64_t mfn)
{
	return host_page(&rules.host, mfn);
}

static long update(uint64_t mfn, unsigned slot, uint64_t value)
{
	struct mmu_update update = { .ptr = mfn * PAGE_BYTES + slot * 8, .val = value };

	return rules_guest_call(__HYPERVISOR_mmu_update, &update, 1, 0, DOMID_SELF);
}

static void only_a_domains_own_frames_can_be_mapped(void **state)
{
	void *at;

	(void)state;
	assert_int_equal(rules_map(rules.built.domid, PROT_READ, rules_plain_page(0), &at), 0);
	munmap(at, PAGE_BYTES);
	assert_int_equal(rules_map(rules.built.domid, PROT_READ, 5, &at), -EBUSY);
	assert_int_equal(rules_map(0, PROT_READ, rules_plain_page(0), &at), -EBUSY);
	assert_int_equal(rules_map(rules.built.domid, PROT_READ, rules.host.machine->nr_frames, &at), -EPERM);
	assert_int_equal(rules_map(rules.built.domid, PROT_READ, NO_FRAME >> 24, &at), -EINVAL);
	assert_int_equal(rules_map(999, PROT_READ, rules_plain_page(0), &at), -ESRCH);
}

static void the_m2p_is_for_reading(void **state)
{
	void *at;

	(void)state;
	assert_int_equal(rules_map(DOMID_XEN, PROT_READ, rules.host.machine->m2p, &at), 0);
	munmap(at, PAGE_BYTES);
	assert_int_equal(rules_map(DOMID_XEN, PROT_WRITE, rules.host.machine->m2p, &at), -EBUSY);
}

static void a_table_cannot_be_mapped_writable(void **state)
{
	uint64_t root = rules_mfn(rules.state->root);
	void *at;

	(void)state;
	assert_int_equal(rules_map(rules.built.domid, PROT_READ, root, &at), 0);
	munmap(at, PAGE_BYTES);
	assert_int_equal(rules_map(rules.built.domid, PROT_READ | PROT_WRITE, root, &at), -EBUSY);
}

static void a_writable_page_cannot_become_a_table(void **state)
{
	uint64_t mfn = rules_plain_page(0);
	void *at;

	(void)state;
	assert_int_equal(rules_map(rules.built.domid, PROT_READ | PROT_WRITE, mfn, &at), 0);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L1_TABLE, mfn), -EINVAL);
	munmap(at, PAGE_BYTES);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L1_TABLE, mfn), 0);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
}

static void what_a_dead_process_had_mapped_is_free(void **state)
{
	uint64_t mfn = rules_plain_page(0);
	int pipe_fds[2], status;
	char byte;
	void *at;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (!pid) {
		byte = rules_map(rules.built.domid, PROT_WRITE, mfn, &at);
		if (write(pipe_fds[1], &byte, 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	assert_int_equal(byte, 0);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L1_TABLE, mfn), -EINVAL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L1_TABLE, mfn), 0);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void pins_are_counted_once(void **state)
{
	uint64_t mfn = rules_plain_page(0);

	(void)state;
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, mfn), -EINVAL);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L2_TABLE, mfn), 0);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L2_TABLE, mfn), -EINVAL);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L1_TABLE, mfn), -EINVAL);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, mfn), -EINVAL);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L1_TABLE, 5), -EINVAL);
}

static void a_table_in_use_stays_one_after_unpin(void **state)
{
	uint64_t root = rules_mfn(rules.state->root);

	(void)state;
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, root), 0);
	assert_int_equal(rules.host.frames[root].type, FRAME_L4);
	assert_true(rules.host.frames[root].type_refs > 0);
}

static void refused(unsigned pin, uint64_t mfn, uint64_t entry, int err)
{
	uint64_t before;

	slots(mfn)[0] = pte_make(rules_plain_page(7), PTE_PRESENT);
	if (pin != MMUEXT_PIN_L1_TABLE)
		slots(mfn)[0] = 0;
	slots(mfn)[9] = entry;
	before = rules_counts();
	assert_int_equal(rules_mmuext(pin, mfn), err);
	assert_true(rules_counts() == before);
	slots(mfn)[0] = slots(mfn)[9] = 0;
}

static void a_level_1_names_only_what_the_guest_may_use(void **state)
{
	uint64_t mfn = rules_plain_page(0), plain = rules_plain_page(1);
	uint64_t root = rules_mfn(rules.state->root);

	(void)state;
	refused(MMUEXT_PIN_L1_TABLE, mfn, pte_make(5, PTE_PRESENT), -EBUSY);
	refused(MMUEXT_PIN_L1_TABLE, mfn, pte_make(root, PTE_PRESENT | PTE_RW), -EBUSY);
	refused(MMUEXT_PIN_L1_TABLE, mfn, pte_make(mfn, PTE_PRESENT | PTE_RW), -EBUSY);
	refused(MMUEXT_PIN_L1_TABLE, mfn, pte_make(rules.host.machine->nr_frames, PTE_PRESENT), -EPERM);
	refused(MMUEXT_PIN_L1_TABLE, mfn, PTE_FRAME | PTE_PRESENT, -EINVAL);
	refused(MMUEXT_PIN_L1_TABLE, mfn, pte_make(plain, PTE_PRESENT | PTE_PSE), -EINVAL);
	refused(MMUEXT_PIN_L1_TABLE, mfn, pte_make(plain, PTE_PRESENT | 0x10), -EINVAL);
	refused(MMUEXT_PIN_L1_TABLE, mfn, pte_make(plain, PTE_PRESENT | PTE_GNTTAB), -EINVAL);
	slots(mfn)[9] = pte_make(root, PTE_PRESENT);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L1_TABLE, mfn), 0);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
}

static void higher_levels_name_only_tables_of_the_next(void **state)
{
	uint64_t mfn = rules_plain_page(0), low = rules_plain_page(1);
	uint64_t in_use = rules_mfn(rules.state->nr_pages - 20); /* mapped writable */

	(void)state;
	refused(MMUEXT_PIN_L2_TABLE, mfn, pte_make(low, table | PTE_PSE), -EINVAL);
	refused(MMUEXT_PIN_L2_TABLE, mfn, pte_make(low, table | PTE_GLOBAL), -EINVAL);
	refused(MMUEXT_PIN_L2_TABLE, mfn, pte_make(in_use, table), -EINVAL);
	refused(MMUEXT_PIN_L2_TABLE, mfn, pte_make(5, table), -EINVAL);
	slots(low)[3] = pte_make(low, PTE_PRESENT | PTE_RW);
	refused(MMUEXT_PIN_L2_TABLE, mfn, pte_make(low, table), -EBUSY);
	slots(low)[3] = 0;
}

static void a_whole_tree_is_checked_and_held(void **state)
{
	uint64_t l3 = rules_plain_page(0), l2 = rules_plain_page(1), l1 = rules_plain_page(2);

	(void)state;
	slots(l3)[1] = pte_make(l2, table);
	slots(l2)[2] = pte_make(l1, table);
	slots(l1)[3] = pte_make(l3, PTE_PRESENT | PTE_RW);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, l3), -EBUSY);
	slots(l1)[3] = pte_make(l3, PTE_PRESENT);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, l3), 0);
	assert_int_equal(rules.host.frames[l1].type, FRAME_L1);
	assert_int_equal(rules.host.frames[l2].type, FRAME_L2);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L2_TABLE, l1), -EINVAL);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, l3), 0);
	assert_int_equal(rules.host.frames[l1].type_refs, 0);
	slots(l3)[1] = slots(l2)[2] = slots(l1)[3] = 0;
}

static void xens_slots_are_xens(void **state)
{
	uint64_t root = rules_mfn(rules.state->root);

	(void)state;
	assert_true(slots(root)[256] & PTE_PRESENT);
	assert_int_equal(update(root, 256, 0), -EPERM);
	assert_int_equal(update(root, 271, 0), -EPERM);
	assert_int_equal(update(root, 272, slots(root)[272]), 0);
}

static uint64_t level1_of(uint64_t va)
{
	uint64_t mfn = rules_mfn(rules.state->root);

	for (unsigned level = 4; level > 1; level--)
		mfn = pte_mfn(slots(mfn)[va >> (12 + 9 * (level - 1)) & (SLOTS - 1)]);
	return mfn;
}

static void an_update_is_checked_and_counted(void **state)
{
	uint64_t pfn = rules.state->nr_pages - 1, mfn = rules_plain_page(0);
	uint64_t l1 = level1_of(rules.state->direct_va + pfn * PAGE_BYTES);
	unsigned slot = pfn % SLOTS, refs = rules.host.frames[mfn].refs;

	(void)state;
	assert_int_equal(update(l1, slot, 0), 0);
	assert_int_equal(rules.host.frames[mfn].refs, refs - 1);
	assert_int_equal(update(l1, slot, pte_make(l1, PTE_PRESENT | PTE_RW)), -EBUSY);
	assert_int_equal(update(l1, slot, pte_make(5, PTE_PRESENT)), -EBUSY);
	assert_int_equal(update(l1, slot, pte_make(mfn, PTE_PRESENT | PTE_PSE)), -EINVAL);
	assert_int_equal(slots(l1)[slot], 0);
	assert_int_equal(update(l1, slot, pte_make(mfn, PTE_PRESENT | PTE_RW)), 0);
	assert_int_equal(rules.host.frames[mfn].type, FRAME_WRITABLE);
	assert_int_equal(rules.host.frames[mfn].refs, refs);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L1_TABLE, mfn), -EINVAL);
	assert_int_equal(update(mfn, 3, 77), 0);
	assert_int_equal(slots(mfn)[3], 77);
	assert_int_equal(update(5, 3, 77), -EINVAL);
}

static void a_multicall_updates_one_by_one(void **state)
{
	uint64_t va = rules.state->direct_va + (rules.state->nr_pages - 3) * PAGE_BYTES;
	uint64_t mfn = rules_plain_page(2);
	multicall_entry_t calls[2] = {
		{ .op = __HYPERVISOR_update_va_mapping, .args = { va, pte_make(5, PTE_PRESENT), 0 } },
		{ .op = __HYPERVISOR_update_va_mapping,
		  .args = { va, pte_make(mfn, PTE_PRESENT | PTE_RW), 0 } },
	};

	(void)state;
	assert_int_equal(rules_guest_call(__HYPERVISOR_multicall, calls, 2, 0, 0), 0);
	assert_int_equal((long)calls[0].result, -EBUSY);
	assert_int_equal((long)calls[1].result, 0);
}

static int populate(uint64_t pfn, xen_pfn_t *mfn)
{
	*mfn = pfn;
	return xc_domain_populate_physmap(rules.xch, rules.built.domid, 1, 0, 0, mfn);
}

static void the_m2p_follows(void **state)
{
	uint64_t pfn = rules.state->nr_pages + 3;
	xen_pfn_t mfn;

	(void)state;
	assert_int_equal(populate(pfn, &mfn), 1);
	assert_true(host_m2p(&rules.host)[mfn] == pfn);
	assert_int_equal(xc_domain_decrease_reservation_exact(rules.xch, rules.built.domid, 1, 0, &mfn), 0);
	assert_true(host_m2p(&rules.host)[mfn] == NO_FRAME);
	assert_int_equal(rules.host.frames[mfn].refs, 0);
}

static void no_more_memory_than_allowed(void **state)
{
	xen_pfn_t mfn;

	(void)state;
	xc_domain_setmaxmem(rules.xch, rules.built.domid, rules.domain->tot_pages * 4);
	assert_int_equal(populate(rules.state->nr_pages + 3, &mfn), 0);
	xc_domain_setmaxmem(rules.xch, rules.built.domid, rules.domain->tot_pages * 4 + 64);
	rules.host.machine->out_of_memory_below = rules.host.machine->nr_free;
	assert_int_equal(populate(rules.state->nr_pages + 3, &mfn), 0);
	rules.host.machine->out_of_memory_below = 0;
}

static void types_are_told_for_1024_frames_at_most(void **state)
{
	static uint64_t array[1025];
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getpageframeinfo3 };

	(void)state;
	array[0] = rules_mfn(rules.state->root);
	array[1] = rules_plain_page(0);
	array[2] = rules.domain->shared_info;
	array[3] = 5;
	array[4] = NO_FRAME;
	op.u.getpageframeinfo3.num = 1025;
	op.u.getpageframeinfo3.array.p = (xen_pfn_t *)array;
	assert_int_equal(rules_domctl(&op), -E2BIG);
	op.u.getpageframeinfo3.num = 1024;
	assert_int_equal(rules_domctl(&op), 0);
	assert_int_equal(array[0], XEN_DOMCTL_PFINFO_L4TAB | XEN_DOMCTL_PFINFO_LPINTAB);
	assert_int_equal(array[1], XEN_DOMCTL_PFINFO_NOTAB);
	assert_int_equal(array[2], XEN_DOMCTL_PFINFO_XTAB);
	assert_int_equal(array[3], XEN_DOMCTL_PFINFO_XTAB);
	assert_int_equal(array[4], XEN_DOMCTL_PFINFO_XTAB);
}

static void a_mapped_frame_outlives_its_domain(void **state)
{
	xc_domaininfo_t info;
	void *at;

	(void)state;
	assert_int_equal(rules_map(rules.built.domid, PROT_READ, rules_plain_page(0), &at), 0);
	assert_int_equal(xc_domain_destroy(rules.xch, rules.built.domid), 0);
	assert_int_equal(xc_domain_getinfolist(rules.xch, rules.built.domid, 1, &info), 1);
	assert_true(info.domain == rules.built.domid && info.flags & XEN_DOMINF_dying && info.tot_pages == 1);
	munmap(at, PAGE_BYTES);
	assert_true(xc_domain_getinfolist(rules.xch, rules.built.domid, 1, &info) != 1 ||
		    info.domain != rules.built.domid);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rules_setup, rules_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(only_a_domains_own_frames_can_be_mapped),
		RULE(the_m2p_is_for_reading),
		RULE(a_table_cannot_be_mapped_writable),
		RULE(a_writable_page_cannot_become_a_table),
		RULE(what_a_dead_process_had_mapped_is_free),
		RULE(pins_are_counted_once),
		RULE(a_table_in_use_stays_one_after_unpin),
		RULE(a_level_1_names_only_what_the_guest_may_use),
		RULE(higher_levels_name_only_tables_of_the_next),
		RULE(a_whole_tree_is_checked_and_held),
		RULE(xens_slots_are_xens),
		RULE(an_update_is_checked_and_counted),
		RULE(a_multicall_updates_one_by_one),
		RULE(the_m2p_follows),
		RULE(no_more_memory_than_allowed),
		RULE(types_are_told_for_1024_frames_at_most),
		RULE(a_mapped_frame_outlives_its_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
