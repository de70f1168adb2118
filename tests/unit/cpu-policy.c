/* machine/cpu-policy.c: a host that lacks what the guest was shown is found out. */
#include "unit.h"

#include "fake/fake.h"
#include "machine/machine.h"

struct leaf {
	uint32_t leaf, subleaf, a, b, c, d;
};

static uint32_t leaf[2], bits;
static const char *name;

static struct cpu_policy policy_of(struct leaf *leaves, size_t count)
{
	return (struct cpu_policy){ .leaves = leaves, .leaves_bytes = count * sizeof(*leaves) };
}

static int missing(struct leaf had, struct leaf has)
{
	struct cpu_policy before = policy_of(&had, 1), after = policy_of(&has, 1);

	return cpu_policy_missing(&before, &after, leaf, &name, &bits);
}

static void equal_and_better_hosts_will_do(void **state)
{
	(void)state;
	assert_false(missing((struct leaf){ 7, 0, 0, 0x20, 0, 0 }, (struct leaf){ 7, 0, 0, 0x20, 0, 0 }));
	assert_false(missing((struct leaf){ 7, 0, 0, 0x20, 0, 0 }, (struct leaf){ 7, 0, 0, 0xff, 1, 1 }));
}

static void missing_bits_are_named(void **state)
{
	(void)state;
	assert_true(missing((struct leaf){ 7, 0, 0, 0x10028, 0, 0 }, (struct leaf){ 7, 0, 0, 0x28, 0, 0 }));
	assert_int_equal(leaf[0], 7);
	assert_int_equal(leaf[1], 0);
	assert_string_equal(name, "ebx");
	assert_int_equal(bits, 0x10000);
	assert_true(missing((struct leaf){ 0xd, 1, 0xf, 0, 0, 0 }, (struct leaf){ 0xd, 1, 0x7, 0, 0, 0 }));
	assert_int_equal(leaf[1], 1);
	assert_string_equal(name, "eax");
	assert_true(missing((struct leaf){ 1, UINT32_MAX, 0, 0, 1 << 12, 0 },
			    (struct leaf){ 1, UINT32_MAX, 0, 0, 0, 0 }));
	assert_string_equal(name, "ecx");
	assert_true(missing((struct leaf){ 0x80000001, UINT32_MAX, 0, 0, 0, 1 << 29 },
			    (struct leaf){ 0x80000001, UINT32_MAX, 0, 0, 0, 0 }));
	assert_string_equal(name, "edx");
}

static void missing_leaf_has_no_bits(void **state)
{
	(void)state;
	assert_true(missing((struct leaf){ 7, 1, 0x30, 0, 0, 0 }, (struct leaf){ 7, 0, 0x30, 0, 0, 0 }));
	assert_int_equal(bits, 0x30);
	assert_false(missing((struct leaf){ 7, 1, 0, 0, 0, 0 }, (struct leaf){ 7, 0, 0, 0, 0, 0 }));
}

/* OSXSAVE, the APIC: they come and go. */
static void bits_of_the_moment_do_not_count(void **state)
{
	(void)state;
	assert_false(missing((struct leaf){ 1, UINT32_MAX, 0, 0, 1u << 27, 1u << 9 },
			     (struct leaf){ 1, UINT32_MAX, 0, 0, 0, 0 }));
}

static void words_that_are_no_features_do_not_count(void **state)
{
	(void)state;
	assert_false(missing((struct leaf){ 1, UINT32_MAX, ~0u, ~0u, 0, 0 },
			     (struct leaf){ 1, UINT32_MAX, 0, 0, 0, 0 }));
	assert_false(missing((struct leaf){ 0x80000002, UINT32_MAX, ~0u, ~0u, ~0u, ~0u },
			     (struct leaf){ 0x80000002, UINT32_MAX, 0, 0, 0, 0 }));
}

/* --- loading it --------------------------------------------------------------- */

static struct domain *domain;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	domain = fake_domain(8, 1);
	say_level = SAY_WARNING - 1;
	return 0;
}

static void policy_is_loaded(void **state)
{
	struct leaf leaves[] = { { 1, UINT32_MAX, 0, 0, 5, 6 }, { 7, 0, 0, 1, 2, 3 } };
	struct cpu_policy policy = policy_of(leaves, 2);

	(void)state;
	assert_done(cpu_policy_load(domain, &policy, false));
	assert_int_equal(domain->policy.leaves_bytes, sizeof(leaves));
	assert_memory_equal(domain->policy.leaves, leaves, sizeof(leaves));
}

static void no_policy_is_left_to_xen(void **state)
{
	struct cpu_policy none = { 0 };

	(void)state;
	assert_done(cpu_policy_load(domain, &none, false));
	assert_int_equal(fake_calls, 0);
}

/* Xen does so in silence. */
static void host_that_drops_features_is_refused_unless_forced(void **state)
{
	struct leaf shown = { 7, 0, 0, 0x8, 0, 0 }, kept = { 7, 0, 0, 0, 0, 0 };
	struct cpu_policy wanted = policy_of(&shown, 1), got = policy_of(&kept, 1);

	(void)state;
	fake_drop_policy = &got;
	assert_fails(cpu_policy_load(domain, &wanted, false), EOPNOTSUPP, "CPUID 0x7.0 ebx bits 0x8");
	assert_done(cpu_policy_load(domain, &wanted, true));
	fake_drop_policy = NULL;
}

static void records_are_taken(void **state)
{
	struct leaf leaves[2] = { { 1, 2, 3, 4, 5, 6 } };
	struct record record = { .type = RECORD_X86_CPUID_POLICY,
				 .bytes = sizeof(leaves),
				 .body = (const uint8_t *)leaves,
				 .number = 3 };
	struct machine machine = { 0 };
	bool taken;

	(void)state;
	assert_done(machine_take(&machine, &record, &taken));
	assert_true(taken);
	assert_memory_equal(machine.policy.leaves, leaves, sizeof(leaves));
	leaves[0].a = 33; /* the last one counts */
	assert_done(machine_take(&machine, &record, &taken));
	assert_memory_equal(machine.policy.leaves, leaves, sizeof(leaves));
	record.type = RECORD_X86_MSR_POLICY;
	record.bytes = 24;
	assert_fails(machine_take(&machine, &record, &taken), EBADMSG, "is no whole number of entries");
	record.bytes = 32;
	assert_done(machine_take(&machine, &record, &taken));
	assert_int_equal(machine.policy.msrs_bytes, 32);
	machine_release(&machine);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_and_better_hosts_will_do),
		cmocka_unit_test(missing_bits_are_named),
		cmocka_unit_test(missing_leaf_has_no_bits),
		cmocka_unit_test(bits_of_the_moment_do_not_count),
		cmocka_unit_test(words_that_are_no_features_do_not_count),
		cmocka_unit_test_setup(policy_is_loaded, setup),
		cmocka_unit_test_setup(no_policy_is_left_to_xen, setup),
		cmocka_unit_test_setup(host_that_drops_features_is_refused_unless_forced, setup),
		cmocka_unit_test_setup(records_are_taken, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
