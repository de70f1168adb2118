/*
 * What the toolstack may do to a domain and its vCPUs, and when.
 */
#include <stdlib.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenguest.h>

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

static void address_size_is_set_while_the_domain_is_empty(void **state)
{
	struct xen_domctl_createdomain config = {
		.max_vcpus = 1, .max_grant_frames = -1, .max_maptrack_frames = -1,
		.grant_opts = 1,
	};
	struct xen_domctl op = { .cmd = XEN_DOMCTL_set_address_size };
	uint32_t domid = 0;

	(void)state;
	op.u.address_size.size = 32;
	assert_int_equal(rules_domctl(&op), -EACCES);
	op.u.address_size.size = 16;
	assert_int_equal(rules_domctl(&op), -EINVAL);
	op.u.address_size.size = 64;
	assert_int_equal(rules_domctl(&op), 0);
	assert_int_equal(xc_domain_create(rules.xch, &domid, &config), 0);
	op.domain = domid;
	op.u.address_size.size = 32;
	assert_int_equal(xc_domctl(rules.xch, &op), 0);
	assert_int_equal(xc_domain_destroy(rules.xch, domid), 0);
	rules.host.machine->has_pv32 = false;
	op.u.address_size.size = 32;
	assert_int_equal(rules_domctl(&op), -EOPNOTSUPP);
	rules.host.machine->has_pv32 = true;
}

static int set_policy(xen_cpuid_leaf_t *leaves, unsigned nr, uint32_t *err_leaf)
{
	uint32_t subleaf, msr;

	return xc_set_domain_cpu_policy(rules.xch, rules.built.domid, nr, leaves, 0, NULL,
					err_leaf, &subleaf, &msr) ? -errno : 0;
}

static void a_policy_is_set_before_the_first_run(void **state)
{
	xen_cpuid_leaf_t leaves[] = { { 0, -1, 0xd, 0, 0, 0 }, { 1, -1, 0, 0, ~0u, ~0u } };
	uint32_t err_leaf = 0;

	(void)state;
	assert_int_equal(set_policy(leaves, 2, &err_leaf), 0);
	assert_true(rules.domain->policy.leaves[1].c != ~0u);
	leaves[0].a = 0x20;
	assert_int_equal(set_policy(leaves, 2, &err_leaf), -EINVAL);
	assert_int_equal(err_leaf, 0);
	leaves[0].a = 0xd;
	assert_int_equal(xc_domain_unpause(rules.xch, rules.built.domid), 0);
	assert_int_equal(set_policy(leaves, 2, &err_leaf), -EEXIST);
}

static void a_domain_is_made_paused(void **state)
{
	(void)state;
	assert_false(domain_runs(rules.domain));
	assert_int_equal(xc_domain_unpause(rules.xch, rules.built.domid), 0);
	assert_true(domain_runs(rules.domain));
	assert_int_equal(xc_domain_unpause(rules.xch, rules.built.domid), -1);
	assert_int_equal(errno, EINVAL);
}

static void suspending_is_heard_of_and_undone(void **state)
{
	struct sched_shutdown shutdown = { .reason = SHUTDOWN_suspend };
	xenevtchn_handle *events = xenevtchn_open(NULL, 0);
	int port = xenevtchn_bind_virq(events, VIRQ_DOM_EXC);
	xc_dominfo_t info;

	(void)state;
	assert_true(port > 0);
	assert_int_equal(xenevtchn_bind_virq(events, VIRQ_DOM_EXC), -1);
	assert_int_equal(errno, EEXIST);
	xc_domain_unpause(rules.xch, rules.built.domid);
	hypercall(&rules.host, rules.built.domid, 0, __HYPERVISOR_sched_op,
		  (uint64_t[CALL_ARGS]){ SCHEDOP_shutdown, (uintptr_t)&shutdown });
	assert_int_equal(xenevtchn_pending(events), port);
	assert_int_equal(xc_domain_getinfo(rules.xch, rules.built.domid, 1, &info), 1);
	assert_true(info.shutdown && info.shutdown_reason == SHUTDOWN_suspend && !info.paused);
	assert_int_equal(xc_domain_resume(rules.xch, rules.built.domid, 1), 0);
	assert_true(domain_runs(rules.domain));
	assert_int_equal(rules.domain->vcpus[0].context.x64.user_regs.rax, 1);
	xenevtchn_close(events);
}

static int shadow(unsigned cmd)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op };

	op.u.shadow_op.op = cmd;
	op.u.shadow_op.pages = rules.state->nr_pages;
	return rules_domctl(&op);
}

static void without_shadow_there_is_no_log_dirty(void **state)
{
	(void)state;
	rules.host.machine->has_shadow = false;
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY), -EOPNOTSUPP);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_OFF), -EINVAL);
	rules.host.machine->has_shadow = true;
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_CLEAN), -EINVAL);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY), 0);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY), -EINVAL);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_CLEAN), 0);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_OFF), 0);
}

static void pins_and_updates_are_logged_as_dirty(void **state)
{
	uint64_t mfn = rules_plain_page(0), pfn = rules.state->nr_pages - 1;

	(void)state;
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY), 0);
	assert_int_equal(rules.domain->dirty_count, 0);
	assert_int_equal(rules_mmuext(MMUEXT_PIN_L1_TABLE, mfn), 0);
	assert_true(rules.domain->dirty[pfn / 64] >> (pfn % 64) & 1);
	assert_int_equal(shadow(XEN_DOMCTL_SHADOW_OP_CLEAN), 0);
	assert_int_equal(rules.domain->dirty_count, 0);
}

static void only_the_right_interface_is_served(void **state)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_pausedomain, .interface_version = 1 };

	(void)state;
	op.domain = rules.built.domid;
	assert_int_equal(hypercall(&rules.host, 0, 0, __HYPERVISOR_domctl,
				   (uint64_t[CALL_ARGS]){ (uintptr_t)&op }), -EACCES);
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	assert_int_equal(rules_guest_call(__HYPERVISOR_domctl, &op, 0, 0, 0), -EPERM);
	op.domain = 999;
	assert_int_equal(xc_domctl(rules.xch, &op), -1);
	assert_int_equal(errno, ESRCH);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rules_setup, rules_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(a_vcpu_never_started_has_no_context),
		RULE(a_started_vcpu_keeps_its_tables),
		RULE(a_context_that_cannot_run_is_refused),
		RULE(a_table_mapped_writable_cannot_be_run),
		RULE(xsave_is_exactly_as_big_as_it_says),
		RULE(msrs_are_those_xen_knows),
		RULE(address_size_is_set_while_the_domain_is_empty),
		RULE(a_policy_is_set_before_the_first_run),
		RULE(a_domain_is_made_paused),
		RULE(suspending_is_heard_of_and_undone),
		RULE(without_shadow_there_is_no_log_dirty),
		RULE(pins_and_updates_are_logged_as_dirty),
		RULE(only_the_right_interface_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
