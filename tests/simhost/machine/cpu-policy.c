/*
 * The processor of the simulated machine: SSE2, AVX and little else.
 */
#include <errno.h>
#include <string.h>

#include "cpu-policy.h"

enum { MSR_PLATFORM_INFO = 0xce, MSR_ARCH_CAPS = 0x10a, NO_SUBLEAF = -1 };

static const xen_cpuid_leaf_t host_leaves[] = {
	{ 0x0, NO_SUBLEAF, 0xd, 0x756e6547, 0x6c65746e, 0x49656e69 },
	{ 0x1, NO_SUBLEAF, 0x000306a9, 0x00000800, 0x9fba2203, 0x1789fbff },
	{ 0x2, NO_SUBLEAF, 0x00000001, 0, 0, 0 },
	{ 0x4, 0, 0x1c004121, 0x01c0003f, 0x0000003f, 0 },
	{ 0x4, 1, 0x1c004122, 0x01c0003f, 0x0000003f, 0 },
	{ 0x5, NO_SUBLEAF, 0, 0, 0, 0 },
	{ 0x6, NO_SUBLEAF, 0, 0, 0, 0 },
	{ 0x7, 0, 0, 0x00000281, 0, 0 },
	{ 0xa, NO_SUBLEAF, 0, 0, 0, 0 },
	{ 0xd, 0, 0x00000007, XSAVE_BYTES, XSAVE_BYTES, 0 },
	{ 0xd, 1, 0x00000001, 0, 0, 0 },
	{ 0xd, 2, 0x00000100, 0x00000240, 0, 0 },
	{ 0x80000000, NO_SUBLEAF, 0x80000008, 0, 0, 0 },
	{ 0x80000001, NO_SUBLEAF, 0, 0, 0x00000001, 0x28100800 },
	{ 0x80000008, NO_SUBLEAF, 0x00003030, 0, 0, 0 },
};

void cpu_policy_init_host(struct host *host)
{
	struct cpu_policy_data *policy = &host->machine->policy;

	policy->nr_leaves = sizeof(host_leaves) / sizeof(*host_leaves);
	memcpy(policy->leaves, host_leaves, sizeof(host_leaves));
	policy->nr_msrs = 2;
	policy->msrs[0].idx = MSR_PLATFORM_INFO;
	policy->msrs[1].idx = MSR_ARCH_CAPS;
}

int cpu_policy_get(const struct cpu_policy_data *policy, struct xen_domctl_cpu_policy *out)
{
	if (out->nr_leaves < policy->nr_leaves || out->nr_msrs < policy->nr_msrs)
		return -ENOBUFS;
	out->nr_leaves = policy->nr_leaves;
	out->nr_msrs = policy->nr_msrs;
	memcpy(out->leaves.p, policy->leaves, policy->nr_leaves * sizeof(*policy->leaves));
	memcpy(out->msrs.p, policy->msrs, policy->nr_msrs * sizeof(*policy->msrs));
	return 0;
}

static const xen_cpuid_leaf_t *find_leaf(const struct cpu_policy_data *policy, uint32_t leaf,
					 uint32_t subleaf)
{
	for (unsigned i = 0; i < policy->nr_leaves; i++)
		if (policy->leaves[i].leaf == leaf && policy->leaves[i].subleaf == subleaf)
			return &policy->leaves[i];
	return NULL;
}

static bool beyond_host(const struct cpu_policy_data *host, const xen_cpuid_leaf_t *leaf)
{
	const xen_cpuid_leaf_t *ours = find_leaf(host, leaf->leaf, leaf->subleaf);

	if (leaf->leaf == 0 || leaf->leaf == 0x80000000u || (leaf->leaf == 7 && leaf->subleaf == 0))
		return !ours || leaf->a > ours->a;
	return false;
}

static void clamp(const struct cpu_policy_data *host, xen_cpuid_leaf_t *leaf)
{
	const xen_cpuid_leaf_t *ours = find_leaf(host, leaf->leaf, leaf->subleaf);

	if (!ours)
		return;
	if (leaf->leaf == 1 || leaf->leaf == 0x80000001u) {
		leaf->c &= ours->c;
		leaf->d &= ours->d;
	} else if (leaf->leaf == 7) {
		leaf->b &= ours->b;
		leaf->c &= ours->c;
		leaf->d &= ours->d;
	}
}

static int check(const struct cpu_policy_data *host, struct xen_domctl_cpu_policy *in)
{
	in->err_leaf = in->err_subleaf = in->err_msr = -1;
	if (in->nr_leaves > POLICY_LEAVES_MAX || in->nr_msrs > POLICY_MSRS_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < in->nr_leaves; i++) {
		if (!beyond_host(host, &in->leaves.p[i]))
			continue;
		in->err_leaf = in->leaves.p[i].leaf;
		in->err_subleaf = in->leaves.p[i].subleaf;
		return -EINVAL;
	}
	for (unsigned i = 0; i < in->nr_msrs; i++) {
		if (in->msrs.p[i].idx == MSR_PLATFORM_INFO || in->msrs.p[i].idx == MSR_ARCH_CAPS)
			continue;
		in->err_msr = in->msrs.p[i].idx;
		return -EINVAL;
	}
	return 0;
}

int cpu_policy_set(struct host *host, struct domain *domain, struct xen_domctl_cpu_policy *in)
{
	struct cpu_policy_data *policy = &domain->policy;
	int err;

	if (domain->created)
		return -EEXIST;
	err = check(&host->machine->policy, in);
	if (err)
		return err;
	policy->nr_leaves = in->nr_leaves;
	policy->nr_msrs = in->nr_msrs;
	memcpy(policy->leaves, in->leaves.p, in->nr_leaves * sizeof(*policy->leaves));
	memcpy(policy->msrs, in->msrs.p, in->nr_msrs * sizeof(*policy->msrs));
	for (unsigned i = 0; i < policy->nr_leaves; i++)
		clamp(&host->machine->policy, &policy->leaves[i]);
	return 0;
}
