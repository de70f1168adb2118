/*
 * What the toolstack may do to a vCPU, and when.
 */
#include "rules.h"

static vcpu_guest_context_any_t context;

static int get_context(unsigned vcpu)
{
	return xc_vcpu_getcontext(rules.xch, rules.built.domid, vcpu, &context) ? -errno : 0;
}

static int set_context(unsigned vcpu)
{
	return xc_vcpu_setcontext(rules.xch, rules.built.domid, vcpu, &context) ? -errno : 0;
}

/* The guest's second vCPU as if never started, its context at hand. */
static void reset_vcpu(void)
{
	assert_int_equal(get_context(1), 0);
	assert_int_equal(xc_vcpu_setcontext(rules.xch, rules.built.domid, 1, NULL), 0);
}

static void a_vcpu_never_started_has_no_context(void **state)
{
	vcpu_guest_context_any_t good;

	(void)state;
	reset_vcpu();
	good = context;
	assert_int_equal(get_context(1), -ENODATA);
	context = good;
	assert_int_equal(set_context(1), 0);
	assert_int_equal(get_context(1), 0);
	assert_int_equal(get_context(2), -ESRCH);
}

static void a_started_vcpu_keeps_its_tables(void **state)
{
	(void)state;
	assert_int_equal(get_context(0), 0);
	assert_int_equal(set_context(0), 0);
	context.x64.ctrlreg[3] = rules_plain_page(0) << 12;
	assert_int_equal(set_context(0), -EOPNOTSUPP);
	assert_int_equal(get_context(0), 0);
	context.x64.ctrlreg[1] = context.x64.ctrlreg[3];
	assert_int_equal(set_context(0), -EOPNOTSUPP);
	assert_int_equal(get_context(0), 0);
	context.x64.gdt_ents = 0;
	assert_int_equal(set_context(0), -EOPNOTSUPP);
}

static void refuse(int err)
{
	uint64_t before = rules_counts();

	assert_int_equal(set_context(1), err);
	assert_true(rules_counts() == before);
}

static void a_context_that_cannot_run_is_refused(void **state)
{
	vcpu_guest_context_any_t good;
	uint64_t l1 = rules_plain_page(1);
	uint64_t l4 = rules_plain_page(0);

	(void)state;
	reset_vcpu();
	good = context;
	context.x64.user_regs.rip = 1ul << 63;
	refuse(-EINVAL);
	context = good;
	context.x64.flags &= ~VGCF_in_kernel;
	refuse(-EINVAL);
	context = good;
	context.x64.ldt_ents = 8193;
	refuse(-EINVAL);
	context = good;
	context.x64.gdt_ents = 7169;
	refuse(-EINVAL);
	context = good;
	context.x64.gdt_frames[0] = 5;
	refuse(-EINVAL);
	context = good;
	context.x64.gdt_frames[0] = rules_mfn(rules.state->nr_pages - 20);
	refuse(-EINVAL);
	context = good;
	context.x64.ctrlreg[3] = 5ul << 12;
	refuse(-EINVAL);
	((uint64_t *)host_page(&rules.host, l4))[0] = pte_make(l1, PTE_PRESENT | PTE_PSE);
	context.x64.ctrlreg[3] = l4 << 12;
	refuse(-EINVAL);
	context = good;
	context.x64.ctrlreg[1] = l4 << 12;
	refuse(-EINVAL);
	context = good;
	assert_int_equal(set_context(1), 0);
}

static void a_table_mapped_writable_cannot_be_run(void **state)
{
	uint64_t l4 = rules_plain_page(0);
	void *at;

	(void)state;
	reset_vcpu();
	context.x64.ctrlreg[3] = l4 << 12;
	assert_int_equal(rules_map(rules.built.domid, PROT_READ | PROT_WRITE, l4, &at), 0);
	refuse(-EINVAL);
	munmap(at, PAGE_BYTES);
	assert_int_equal(set_context(1), 0);
	assert_int_equal(rules_map(rules.built.domid, PROT_READ | PROT_WRITE, l4, &at), -EBUSY);
}

static int xsave(void *buffer, uint64_t size)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuextstate };

	op.u.vcpuextstate.size = size;
	op.u.vcpuextstate.buffer.p = buffer;
	return rules_domctl(&op);
}

static void xsave_is_exactly_as_big_as_it_says(void **state)
{
	uint64_t buffer[(16 + XSAVE_BYTES) / 8 + 1] = { 7, 7 };

	(void)state;
	assert_int_equal(xsave(buffer, 16 + XSAVE_BYTES), 0);
	assert_int_equal(xsave(buffer, 16 + XSAVE_BYTES - 8), -EINVAL);
	assert_int_equal(xsave(buffer, 16 + XSAVE_BYTES + 8), -EINVAL);
	assert_int_equal(xsave(buffer, 8), -EINVAL);
	buffer[2 + 520 / 8] = 1ul << 63;
	assert_int_equal(xsave(buffer, 16 + XSAVE_BYTES), -EOPNOTSUPP);
	buffer[2 + 520 / 8] = 0;
	buffer[2 + 512 / 8] = 8;
	assert_int_equal(xsave(buffer, 16 + XSAVE_BYTES), -EINVAL);
	buffer[2 + 512 / 8] = 0;
	buffer[0] = buffer[1] = 3;
	assert_int_equal(xsave(buffer, 16 + 576), 0);
	buffer[0] = 7;
	assert_int_equal(xsave(buffer, 16 + 576), -EINVAL);
}

static void msrs_are_those_xen_knows(void **state)
{
	xen_domctl_vcpu_msr_t msrs[2] = { { 0xc0000103, 0, 9 }, { 0x10, 0, 1 } };
	struct xen_domctl op = { .cmd = XEN_DOMCTL_set_vcpu_msrs };

	(void)state;
	op.u.vcpu_msrs.msr_count = 2;
	op.u.vcpu_msrs.msrs.p = msrs;
	assert_int_equal(rules_domctl(&op), -EINVAL);
	op.u.vcpu_msrs.msr_count = 1;
	assert_int_equal(rules_domctl(&op), 0);
	assert_int_equal(rules.domain->vcpus[0].tsc_aux, 9);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rules_setup, rules_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(a_vcpu_never_started_has_no_context),  RULE(a_started_vcpu_keeps_its_tables),
		RULE(a_context_that_cannot_run_is_refused), RULE(a_table_mapped_writable_cannot_be_run),
		RULE(xsave_is_exactly_as_big_as_it_says),   RULE(msrs_are_those_xen_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
