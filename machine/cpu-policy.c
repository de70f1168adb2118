/*
 * X86_CPUID_POLICY and X86_MSR_POLICY: which processor the guest was shown.
 * Xen silently takes away what the host cannot do, and the guest then meets
 * an instruction that is gone. So read back what Xen made of it, and refuse.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/machine.h"

struct cpuid_leaf {
	uint32_t leaf, subleaf, a, b, c, d;
}; /* xen_cpuid_leaf_t */

int cpu_policy_save(struct domain *domain, struct bytes *out)
{
	struct cpu_policy policy;
	int rc = domain_get_cpu_policy(domain, &policy);

	if (rc)
		return rc;
	if (policy.leaves_bytes)
		record_put(out, RECORD_X86_CPUID_POLICY, policy.leaves, policy.leaves_bytes);
	if (policy.msrs_bytes)
		record_put(out, RECORD_X86_MSR_POLICY, policy.msrs, policy.msrs_bytes);
	cpu_policy_release(&policy);
	return 0;
}

int cpu_policy_take(struct machine *machine, const struct record *record)
{
	bool is_cpuid = record->type == RECORD_X86_CPUID_POLICY;
	size_t unit = is_cpuid ? sizeof(struct cpuid_leaf) : 16;
	void **at = is_cpuid ? &machine->policy.leaves : &machine->policy.msrs;

	if (record->bytes % unit)
		return fail(EBADMSG, "record %lu: %s of %u bytes is not a whole number of entries",
			    record->number, record_name(record->type), record->bytes);
	free(*at);
	*at = malloc(record->bytes + 1);
	if (!*at)
		return fail(ENOMEM, "out of memory");
	memcpy(*at, record->body, record->bytes);
	*(is_cpuid ? &machine->policy.leaves_bytes : &machine->policy.msrs_bytes) = record->bytes;
	return 0;
}

static const struct cpuid_leaf *find_leaf(const struct cpu_policy *policy, uint32_t leaf, uint32_t subleaf)
{
	const struct cpuid_leaf *leaves = policy->leaves;

	for (size_t i = 0; i < policy->leaves_bytes / sizeof(*leaves); i++)
		if (leaves[i].leaf == leaf &&
		    (leaves[i].subleaf == subleaf || leaves[i].subleaf == UINT32_MAX))
			return &leaves[i];
	return NULL;
}

/*
 * The words of CPUID that are sets of features: what Xen's public
 * cpufeatureset.h enumerates. Bits that follow from the moment (OSXSAVE,
 * the APIC) are left out, and those of leaf 1 that AMD's processors show
 * again: Xen gives them to each guest, but its own policies lack them. And
 * those that speak of a weakness ("|" in that header): a guest is shown them if
 * any host of a pool has them, so a host without them is not a lesser one.
 */
enum {
	AMD_REPEATS = 0x0183f3ff,
	MD_CLEAR = 1 << 10,
	NO_LMSL = 1 << 20,
	FS_GS_NS_VERW_CLEAR = 1 << 1 | 1 << 5,
};
static const struct feature_word {
	uint32_t leaf, subleaf;
	char reg;
	uint32_t but;
} feature_words[] = {
	{ 0x00000001, 0, 'd', 1u << 9 },     { 0x00000001, 0, 'c', 1u << 27 },
	{ 0x80000001, 0, 'd', AMD_REPEATS }, { 0x80000001, 0, 'c', 0 },
	{ 0x0000000d, 1, 'a', 0 },	     { 0x00000007, 0, 'b', 0 },
	{ 0x00000007, 0, 'c', 1u << 4 },     { 0x80000007, 0, 'd', 0 },
	{ 0x80000008, 0, 'b', NO_LMSL },     { 0x00000007, 0, 'd', MD_CLEAR },
	{ 0x00000007, 1, 'a', 0 },	     { 0x80000021, 0, 'a', FS_GS_NS_VERW_CLEAR },
	{ 0x00000007, 1, 'b', 0 },	     { 0x00000007, 1, 'd', 0 },
	{ 0x00000007, 2, 'd', 0 },
};

static uint32_t word_of(const struct cpu_policy *policy, const struct feature_word *word)
{
	const struct cpuid_leaf *leaf = find_leaf(policy, word->leaf, word->subleaf);
	uint32_t bits;

	if (!leaf)
		return 0;
	bits = word->reg == 'a' ? leaf->a : word->reg == 'b' ? leaf->b : word->reg == 'c' ? leaf->c : leaf->d;
	return bits & ~word->but;
}

int cpu_policy_missing(const struct cpu_policy *had, const struct cpu_policy *has, uint32_t leaf[2],
		       const char **name, uint32_t *bits)
{
	for (size_t i = 0; i < sizeof(feature_words) / sizeof(*feature_words); i++) {
		const struct feature_word *word = &feature_words[i];

		*bits = word_of(had, word) & ~word_of(has, word);
		if (!*bits)
			continue;
		leaf[0] = word->leaf;
		leaf[1] = word->subleaf;
		*name = word->reg == 'a' ? "eax"
		      : word->reg == 'b' ? "ebx"
		      : word->reg == 'c' ? "ecx"
					 : "edx";
		return 1;
	}
	return 0;
}

static int policies_compare(const struct cpu_policy *wanted, const struct cpu_policy *got, bool force)
{
	uint32_t leaf[2], bits;
	const char *name;

	if (!cpu_policy_missing(wanted, got, leaf, &name, &bits))
		return 0;
	if (!force)
		return fail(EOPNOTSUPP,
			    "this host lacks features the guest was shown: CPUID %#x.%u %s bits %#x "
			    "(--force continues anyway)",
			    leaf[0], leaf[1], name, bits);
	say(SAY_WARNING, "this host lacks features the guest was shown: CPUID %#x.%u %s bits %#x", leaf[0],
	    leaf[1], name, bits);
	return 0;
}

int cpu_policy_load(struct domain *domain, const struct cpu_policy *policy, bool force)
{
	struct cpu_policy got;
	int rc;

	/* Streams from before Xen 4.14 carry none: the guest then sees Xen's default. */
	if (!policy->leaves_bytes && !policy->msrs_bytes)
		return 0;
	rc = domain_set_cpu_policy(domain, policy);
	if (!rc)
		rc = domain_get_cpu_policy(domain, &got);
	if (rc)
		return rc;
	rc = policies_compare(policy, &got, force);
	cpu_policy_release(&got);
	return rc;
}

/* The records one after another; each is copied to where it is aligned. */
static int take_records(struct machine *machine, const uint8_t *at, size_t bytes)
{
	int rc = 0;

	while (!rc && bytes) {
		struct record_header header;
		struct record record;
		size_t room;

		if (bytes < sizeof(header))
			return fail(EBADMSG, "the CPU policy is cut short");
		memcpy(&header, at, sizeof(header));
		room = ((size_t)header.bytes + 7) & ~7UL;
		if (room > bytes - sizeof(header) ||
		    (header.type != RECORD_X86_CPUID_POLICY && header.type != RECORD_X86_MSR_POLICY))
			return fail(EBADMSG, "the CPU policy is not two records");
		record = (struct record){ .type = header.type,
					  .bytes = header.bytes,
					  .body = at + sizeof(header) };
		rc = cpu_policy_take(machine, &record);
		at += sizeof(header) + room;
		bytes -= sizeof(header) + room;
	}
	return rc;
}

int cpu_policy_check(struct host *host, const void *records, size_t bytes, bool force)
{
	struct machine machine = { 0 };
	struct cpu_policy got = { 0 };
	int rc = take_records(&machine, records, bytes);

	if (!rc)
		rc = host_cpu_policy(host, &got);
	if (!rc)
		rc = policies_compare(&machine.policy, &got, force);
	cpu_policy_release(&got);
	machine_release(&machine);
	return rc;
}
