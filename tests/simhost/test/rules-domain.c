/*
 * What the toolstack may do to a domain, and when.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenguest.h>

#include "rules.h"

static void address_size_is_set_while_the_domain_is_empty(void **state)
{
	struct xen_domctl_createdomain config = {
		.max_vcpus = 1,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
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

static void labels_have_numbers_where_there_is_flask(void **state)
{
	char label[64] = "";
	uint32_t sid = 0;
	xc_domaininfo_t info;

	(void)state;
	assert_int_equal(xc_flask_sid_to_context(rules.xch, 12, label, sizeof(label)), -1);
	assert_int_equal(errno, ENOSYS);
	rules.host.machine->flask = 50;
	assert_int_equal(xc_flask_sid_to_context(rules.xch, 51, label, sizeof(label)), 0);
	assert_string_equal(label, "system_u:system_r:prot_domU_t");
	assert_int_equal(xc_flask_context_to_sid(rules.xch, label, strlen(label), &sid), 0);
	assert_int_equal(sid, 51);
	assert_int_equal(xc_flask_context_to_sid(rules.xch, label, strlen(label) - 1, &sid), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(xc_flask_relabel_domain(rules.xch, rules.built.domid, 0), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(xc_flask_relabel_domain(rules.xch, rules.built.domid, 51), 0);
	assert_int_equal(xc_domain_getinfolist(rules.xch, rules.built.domid, 1, &info), 1);
	assert_int_equal(info.ssidref, 51);
	rules.host.machine->flask = 0;
}

static int set_policy(xen_cpuid_leaf_t *leaves, unsigned nr, uint32_t *err_leaf)
{
	uint32_t subleaf, msr;

	return xc_set_domain_cpu_policy(rules.xch, rules.built.domid, nr, leaves, 0, NULL, err_leaf, &subleaf,
					&msr)
		     ? -errno
		     : 0;
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
	xc_domaininfo_t info;

	(void)state;
	assert_true(port > 0);
	assert_int_equal(xenevtchn_bind_virq(events, VIRQ_DOM_EXC), -1);
	assert_int_equal(errno, EEXIST);
	xc_domain_unpause(rules.xch, rules.built.domid);
	hypercall(&rules.host, rules.built.domid, 0, __HYPERVISOR_sched_op,
		  (uint64_t[CALL_ARGS]){ SCHEDOP_shutdown, (uintptr_t)&shutdown });
	assert_int_equal(xenevtchn_pending(events), port);
	assert_int_equal(xc_domain_getinfolist(rules.xch, rules.built.domid, 1, &info), 1);
	assert_true(info.flags & XEN_DOMINF_shutdown && !(info.flags & XEN_DOMINF_paused));
	assert_int_equal(info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_suspend);
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
	assert_int_equal(
		hypercall(&rules.host, 0, 0, __HYPERVISOR_domctl, (uint64_t[CALL_ARGS]){ (uintptr_t)&op }),
		-EACCES);
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	assert_int_equal(rules_guest_call(__HYPERVISOR_domctl, &op, 0, 0, 0), -EPERM);
	op.domain = 999;
	assert_int_equal(xc_domctl(rules.xch, &op), -1);
	assert_int_equal(errno, ESRCH);
}

static unsigned hooked;

__attribute__((visibility("default"))) void simhost_hook(const char *name, unsigned long number);

/* Called before each call of this program's. */
void simhost_hook(const char *name, unsigned long number)
{
	hooked += number && !strcmp(name, "domctl.pausedomain");
}

static void something_may_happen_between_two_calls(void **state)
{
	(void)state;
	hooked = 0;
	assert_int_equal(xc_domain_pause(rules.xch, rules.built.domid), 0);
	assert_int_equal(hooked, 1);
}

static void a_process_that_dies_inside_holds_nobody_up(void **state)
{
	uint64_t before = rules.host.machine->deaths_inside;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		host_lock(&rules.host);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, NULL, 0);
	assert_int_equal(xc_domain_pause(rules.xch, rules.built.domid), 0);
	assert_true(rules.host.machine->deaths_inside == before + 1);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, rules_setup, rules_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(address_size_is_set_while_the_domain_is_empty),
		RULE(labels_have_numbers_where_there_is_flask),
		RULE(a_policy_is_set_before_the_first_run),
		RULE(a_domain_is_made_paused),
		RULE(suspending_is_heard_of_and_undone),
		RULE(without_shadow_there_is_no_log_dirty),
		RULE(pins_and_updates_are_logged_as_dirty),
		RULE(only_the_right_interface_is_served),
		RULE(something_may_happen_between_two_calls),
		RULE(a_process_that_dies_inside_holds_nobody_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
