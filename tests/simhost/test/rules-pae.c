/*
 * Page tables of 32-bit guests: four entries on top, the last of which is special.
 */
#include "rules.h"

static uint64_t *slots(uint64_t mfn)
{
	return host_page(&rules.host, mfn);
}

static long update(uint64_t mfn, unsigned slot, uint64_t value)
{
	struct mmu_update update = { .ptr = mfn * PAGE_BYTES + slot * 8, .val = value };

	return rules_guest_call(__HYPERVISOR_mmu_update, &update, 1, 0, DOMID_SELF);
}

static uint64_t top_of(unsigned page, uint64_t last)
{
	uint64_t top = rules_plain_page(page);

	slots(top)[3] = pte_make(last, PTE_PRESENT);
	return top;
}

static void the_fourth_entry_must_be_there(void **state)
{
	uint64_t top = rules_plain_page(0), l2 = rules_plain_page(1);

	(void)state;
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, top), -EINVAL);
	slots(top)[3] = pte_make(l2, PTE_PRESENT);
	slots(top)[7] = pte_make(5, PTE_PRESENT); /* beyond the fourth: cleared, not read */
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, top), 0);
	assert_int_equal(slots(top)[7], 0);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, top), 0);
}

static void the_fourth_level_2_is_not_shared(void **state)
{
	uint64_t l2 = rules_plain_page(0), before;
	uint64_t one = top_of(1, l2), two = top_of(2, l2);

	(void)state;
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, one), 0);
	before = rules_counts();
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, two), -EINVAL);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L2_TABLE, l2), -EINVAL);
	assert_true(rules_counts() == before);
	slots(two)[3] = 0;
	slots(two)[0] = pte_make(l2, PTE_PRESENT);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, two), -EINVAL);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, one), 0);
}

static void its_end_is_xens(void **state)
{
	uint64_t l2 = rules_plain_page(0), top = top_of(1, l2);
	uint64_t compat = rules.host.machine->compat_m2p;

	(void)state;
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, top), 0);
	assert_true(pte_mfn(slots(l2)[428]) == compat);
	assert_int_equal(update(l2, 428, 0), -EPERM);
	assert_int_equal(update(l2, 427, 0), 0);
	assert_int_equal(update(top, 3, 0), -EINVAL);
	assert_int_equal(update(top, 2, 0), 0);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, top), 0);
}

static void bits_on_top_are_few(void **state)
{
	uint64_t top = top_of(1, rules_plain_page(0));
	uint64_t l2 = rules_plain_page(2);

	(void)state;
	slots(top)[0] = pte_make(l2, PTE_PRESENT | PTE_GLOBAL);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, top), -EINVAL);
	slots(top)[0] = pte_make(l2, PTE_PRESENT) | PTE_NX;
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, top), -EINVAL);
	slots(top)[0] = pte_make(l2, PTE_PRESENT);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L3_TABLE, top), 0);
	assert_int_equal(rules_mmuext(MMUEXT_UNPIN_TABLE, top), 0);
	assert_true(slots(top)[0] == pte_make(l2, PTE_PRESENT));
}

static void a_level_4_is_no_table(void **state)
{
	uint64_t mfn = rules_plain_page(0);

	(void)state;
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L4_TABLE, mfn), 0); /* ignored, as Xen does */
	assert_int_equal(rules.host.frames[mfn].type_refs, 0);
}

static void cr3_is_turned_round(void **state)
{
	vcpu_guest_context_any_t context;
	uint64_t root = rules_mfn(rules.state->root);

	(void)state;
	assert_int_equal(xc_vcpu_getcontext(rules.xch, rules.built.domid, 0, &context), 0);
	assert_int_equal(context.x32.ctrlreg[3], (uint32_t)(root << 12 | root >> 20));
	assert_int_equal(xc_vcpu_setcontext(rules.xch, rules.built.domid, 0, &context), 0);
	context.x32.ctrlreg[3] += PAGE_BYTES;
	assert_int_equal(xc_vcpu_setcontext(rules.xch, rules.built.domid, 0, &context), -1);
	assert_int_equal(errno, EOPNOTSUPP);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rules_setup, rules_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(the_fourth_entry_must_be_there),
		RULE(the_fourth_level_2_is_not_shared),
		RULE(its_end_is_xens),
		RULE(bits_on_top_are_few),
		RULE(a_level_4_is_no_table),
		RULE(cr3_is_turned_round),
	};

	rules_want_32bit = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
