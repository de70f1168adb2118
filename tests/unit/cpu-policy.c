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

/* AVX-VNNI-INT8 and what else a guest of 4.18 and later may be shown. */
static void newer_words_are_compared(void **state)
{
	static const struct leaf had[] = { { 7, 1, 0, 2, 0, 0 },
					   { 7, 1, 0, 0, 0, 1 << 4 },
					   { 7, 2, 0, 0, 0, 1 } };

	(void)state;
	for (size_t i = 0; i < COUNT(had); i++) {
		assert_true(missing(had[i], (struct leaf){ 7, had[i].subleaf, ~0u, 0, ~0u, 0 }));
		assert_int_equal(leaf[1], had[i].subleaf);
	}
}

/* MD_CLEAR, NO_LMSL, FS_GS_NS, VERW_CLEAR: shown to a guest that might go to a host that needs the knowledge. */
static void words_about_weaknesses_do_not_count(void **state)
{
	(void)state;
	assert_false(missing((struct leaf){ 7, 0, 0, 0, 0, 1 << 10 }, (struct leaf){ 7, 0, 0, 0, 0, 0 }));
	assert_false(missing((struct leaf){ 0x80000008, UINT32_MAX, 0, 1 << 20, 0, 0 },
			     (struct leaf){ 0x80000008, UINT32_MAX, 0, 0, 0, 0 }));
	assert_false(missing((struct leaf){ 0x80000021, UINT32_MAX, 1 << 1 | 1 << 5, 0, 0, 0 },
			     (struct leaf){ 0x80000021, UINT32_MAX, 0, 0, 0, 0 }));
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

/* --- AMD's processors ----------------------------------------------------------- */

/*
 * The features of leaf 1's edx that stand in that of 0x80000001, too, there; and
 * those that are nowhere else: SYSCALL, NX, MMXEXT, FFXSR, 1 GiB pages, RDTSCP, LM.
 */
enum { LEAF_1 = 0x178bfbff, REPEATED = 0x0183f3ff, AMD_OWN = 0x2e500800, INTEL_OWN = 0x2c100800 };

static const struct leaf amd_guest[] = {
	{ 1, UINT32_MAX, 0xa20f10, 0, 0x7ed8320b, LEAF_1 },
	{ 7, 0, 1, 0x219c95a9, 0x40069c, 0 },
	{ 0x80000001, UINT32_MAX, 0xa20f10, 0, 0x1f3, AMD_OWN | (LEAF_1 & REPEATED) },
};
/* What such a host says of itself to Xen's tools. */
static const struct leaf amd_host[] = {
	{ 1, UINT32_MAX, 0xa20f10, 0, 0x7ed8320b, LEAF_1 },
	{ 7, 0, 1, 0x219c95a9, 0x40069c, 0 },
	{ 0x80000001, UINT32_MAX, 0xa20f10, 0, 0x1f3, AMD_OWN },
};
static struct leaf guest_leaves[COUNT(amd_guest)], host_leaves[COUNT(amd_host)];
static const struct cpu_policy guest_policy = { .leaves = guest_leaves,
						.leaves_bytes = sizeof(guest_leaves) };
static const struct cpu_policy host_policy = { .leaves = host_leaves, .leaves_bytes = sizeof(host_leaves) };

static void two_of_amd(void)
{
	memcpy(guest_leaves, amd_guest, sizeof(amd_guest));
	memcpy(host_leaves, amd_host, sizeof(amd_host));
}

static int lacks(const struct cpu_policy *had, const struct cpu_policy *has)
{
	return cpu_policy_missing(had, has, leaf, &name, &bits);
}

static void repeated_bits_are_not_missed(void **state)
{
	(void)state;
	two_of_amd();
	assert_false(lacks(&guest_policy, &host_policy));
	assert_false(lacks(&host_policy, &guest_policy));
	assert_false(lacks(&guest_policy, &guest_policy));
}

/* A feature that is repeated is still compared where it stands first. */
static void what_amd_lacks_is_named(void **state)
{
	(void)state;
	two_of_amd();
	host_leaves[0].d &= ~(1u << 17); /* PSE36 */
	assert_true(lacks(&guest_policy, &host_policy));
	assert_int_equal(leaf[0], 1);
	assert_string_equal(name, "edx");
	assert_int_equal(bits, 1 << 17);
	two_of_amd();
	host_leaves[2].d &= ~(1u << 22 | 1u << 27); /* MMXEXT, RDTSCP */
	assert_true(lacks(&guest_policy, &host_policy));
	assert_int_equal(leaf[0], 0x80000001);
	assert_string_equal(name, "edx");
	assert_int_equal(bits, 1 << 22 | 1 << 27);
}

static void what_amd_has_more_is_fine(void **state)
{
	(void)state;
	two_of_amd();
	host_leaves[1].b |= 1 << 16; /* AVX512F */
	host_leaves[2].c |= 1 << 22;
	host_leaves[2].d |= 1u << 31;
	assert_false(lacks(&guest_policy, &host_policy));
	assert_true(lacks(&host_policy, &guest_policy));
}

/* The repeats alone tell no AMD from an Intel; what only one of them has does. */
static void intel_repeats_nothing(void **state)
{
	(void)state;
	two_of_amd();
	guest_leaves[2].d = INTEL_OWN;
	host_leaves[2].d = INTEL_OWN;
	assert_false(lacks(&guest_policy, &host_policy));
	two_of_amd();
	host_leaves[2].d = INTEL_OWN;
	assert_true(lacks(&guest_policy, &host_policy));
	assert_int_equal(leaf[0], 0x80000001);
	assert_int_equal(bits, AMD_OWN & ~INTEL_OWN);
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

/* Xen gives each guest the repeats, whether or not it was told of them. */
static void repeats_may_be_gone_after_loading(void **state)
{
	(void)state;
	two_of_amd();
	fake_drop_policy = &host_policy;
	assert_done(cpu_policy_load(domain, &guest_policy, false));
	host_leaves[2].d &= ~(1u << 20); /* NX */
	assert_fails(cpu_policy_load(domain, &guest_policy, false), EOPNOTSUPP,
		     "CPUID 0x80000001.0 edx bits 0x100000");
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
	assert_fails(machine_take(&machine, &record, &taken), EBADMSG, "is not a whole number of entries");
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
		cmocka_unit_test(newer_words_are_compared),
		cmocka_unit_test(words_about_weaknesses_do_not_count),
		cmocka_unit_test(bits_of_the_moment_do_not_count),
		cmocka_unit_test(words_that_are_no_features_do_not_count),
		cmocka_unit_test(repeated_bits_are_not_missed),
		cmocka_unit_test(what_amd_lacks_is_named),
		cmocka_unit_test(what_amd_has_more_is_fine),
		cmocka_unit_test(intel_repeats_nothing),
		cmocka_unit_test_setup(policy_is_loaded, setup),
		cmocka_unit_test_setup(no_policy_is_left_to_xen, setup),
		cmocka_unit_test_setup(host_that_drops_features_is_refused_unless_forced, setup),
		cmocka_unit_test_setup(repeats_may_be_gone_after_loading, setup),
		cmocka_unit_test_setup(records_are_taken, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
