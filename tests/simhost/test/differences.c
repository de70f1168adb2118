/*
 * Two guests that are equal, and one bit changed in one of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rules.h"

static const char *program;
static struct built twin;

/* The commands are to be run without what makes this a program of the host. */
static int simhost(const char *arguments)
{
	char line[3 * PATH_MAX];
	int status;

	snprintf(line, sizeof(line), "env -u LD_PRELOAD %s %s >/dev/null", program, arguments);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int compare(void)
{
	char arguments[2 * PATH_MAX + 64];

	snprintf(arguments, sizeof(arguments), "compare %s %u %s %u", rules.host.path, rules.built.domid,
		 rules.host.path, twin.domid);
	return simhost(arguments);
}

static int setup(void **state)
{
	struct guest_options options = {
		.name = "rules",
		.mem_mib = 8,
		.vcpus = 2,
		.seed = 3,
		.p2m_is_linear = true,
	};
	int err = rules_setup(state);

	err = err ? err : guest_build(&rules.host, &options, &twin);
	return err;
}

static int teardown(void **state)
{
	xc_domain_destroy(rules.xch, twin.domid);
	return rules_teardown(state);
}

static uint8_t *byte_of(uint64_t pfn, unsigned at)
{
	return (uint8_t *)host_page(&rules.host, rules_mfn(pfn)) + at;
}

static void tells(void *at, uint8_t bit)
{
	assert_int_equal(compare(), 0);
	*(uint8_t *)at ^= bit;
	assert_int_equal(compare(), 1);
	*(uint8_t *)at ^= bit;
	assert_int_equal(compare(), 0);
}

static void a_bit_in_a_page(void **state)
{
	(void)state;
	tells(byte_of(rules.state->nr_pages - 1, 4095), 0x80);
	tells(byte_of(rules.state->versions, 17), 1);
}

static void a_bit_in_an_entry(void **state)
{
	uint64_t *root = host_page(&rules.host, rules_mfn(rules.state->root));
	uint64_t l3 = pte_mfn(root[273]);

	(void)state;
	tells((uint8_t *)&root[273] + 6, 1);
	tells((uint8_t *)host_page(&rules.host, l3) + 8, 2);
}

static void what_the_p2m_says(void **state)
{
	uint64_t *leaf = host_page(&rules.host, rules_mfn(rules.state->leaves - 1));

	(void)state;
	tells(leaf, 1);
}

static void a_pin(void **state)
{
	(void)state;
	tells(&rules.host.frames[rules_mfn(rules.state->root)].flags, FRAME_PINNED);
}

static void a_register(void **state)
{
	struct vcpu *vcpu = &rules.domain->vcpus[1];

	(void)state;
	tells(&vcpu->context.x64.user_regs.r15, 4);
	tells(&vcpu->context.x64.gdt_frames[0], 1);
	tells(&vcpu->xsave[100], 1);
	tells(&vcpu->ext.sysenter_callback_eip, 1);
	tells(&vcpu->tsc_aux, 1);
	tells(&vcpu->online, 1);
}

static void a_missing_page(void **state)
{
	uint64_t mfn = rules_plain_page(0);

	(void)state;
	assert_int_equal(compare(), 1); /* its mapping is gone already */
	assert_int_equal(xc_domain_decrease_reservation_exact(rules.xch, rules.built.domid, 1, 0, &mfn), 0);
	assert_int_equal(compare(), 1);
}

static void a_policy_and_a_limit(void **state)
{
	(void)state;
	tells(&rules.domain->policy.leaves[1].c, 1);
	tells(&rules.domain->vm_assist, 1);
	tells(&rules.domain->tsc_khz, 1);
}

static void a_wrong_page_is_found(void **state)
{
	char arguments[2 * PATH_MAX + 64];
	uint8_t *byte = byte_of(rules.state->nr_pages - 1, 2000);

	(void)state;
	snprintf(arguments, sizeof(arguments), "check %s %u", rules.host.path, rules.built.domid);
	assert_int_equal(simhost(arguments), 0);
	*byte ^= 1;
	assert_int_equal(simhost(arguments), 1);
}

#define TELLS(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TELLS(a_bit_in_a_page),	     TELLS(a_bit_in_an_entry),
		TELLS(what_the_p2m_says),    TELLS(a_pin),
		TELLS(a_register),	     TELLS(a_missing_page),
		TELLS(a_policy_and_a_limit), TELLS(a_wrong_page_is_found),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
