/*
 * XEN_SYSCTL_*: the host.
 */
#include <errno.h>
#include <string.h>

#include "../machine/domain.h"
#include "../machine/refs.h"
#include "call.h"

enum { CPUS = 4 };

static long list_domains(struct call *call, struct xen_sysctl_getdomaininfolist *list)
{
	uint32_t from = list->first_domain, nr = 0;

	domain_end_dying(call->host);
	while (nr < list->max_domains) {
		struct domain *domain = domain_next(call->host, from);

		if (!domain)
			break;
		domain_info(call->host, domain, &list->buffer.p[nr++]);
		from = domain->domid + 1u;
	}
	list->num_domains = nr;
	return 0;
}

static long physinfo(struct call *call, struct xen_sysctl_physinfo *info)
{
	const struct machine *machine = call->host->machine;

	memset(info, 0, sizeof(*info));
	info->threads_per_core = 1;
	info->cores_per_socket = info->nr_cpus = CPUS;
	info->max_cpu_id = CPUS - 1;
	info->nr_nodes = 1;
	info->cpu_khz = 2400000;
	info->capabilities = XEN_SYSCTL_PHYSCAP_pv;
	if (machine->has_shadow)
		info->capabilities |= XEN_SYSCTL_PHYSCAP_shadow;
	info->total_pages = machine->nr_frames;
	info->free_pages = machine->nr_free - domain_find(call->host, 0)->tot_pages;
	info->max_mfn = machine->nr_frames - 1;
	return 0;
}

/*
 * libxenguest takes the number of leaves of the policy for new domains as the room it has for its own. Xen gives it each
 * leaf there could be; here the last one stands there again and again.
 */
static void pad(struct xen_sysctl_cpu_policy *op, uint32_t count)
{
	for (; count < op->nr_leaves && count < POLICY_LEAVES_MAX; count++)
		op->leaves.p[count] = op->leaves.p[count - 1];
	op->nr_leaves = count;
}

/* One node with all there is. */
static long numainfo(struct call *call, struct xen_sysctl_numainfo *info)
{
	const struct machine *machine = call->host->machine;

	if (info->meminfo.p && info->num_nodes)
		info->meminfo.p[0] = (xen_sysctl_meminfo_t){ .memsize = machine->nr_frames * 4096ul,
							     .memfree = machine->nr_free * 4096ul };
	if (info->distance.p && info->num_nodes)
		info->distance.p[0] = 10;
	info->num_nodes = 1;
	return 0;
}

static long cputopoinfo(struct xen_sysctl_cputopoinfo *info)
{
	for (uint32_t i = 0; info->cputopo.p && i < info->num_cpus && i < CPUS; i++)
		info->cputopo.p[i] = (xen_sysctl_cputopo_t){ .core = i };
	info->num_cpus = CPUS;
	return 0;
}

static long get_policy(struct call *call, struct xen_sysctl_cpu_policy *op)
{
	const struct cpu_policy_data *policy = &call->host->machine->policy;

	if (op->index > XEN_SYSCTL_cpu_policy_hvm_default || op->_rsvd)
		return -EINVAL;
	if (op->index == XEN_SYSCTL_cpu_policy_hvm_max || op->index == XEN_SYSCTL_cpu_policy_hvm_default)
		return -EOPNOTSUPP;
	if (op->leaves.p) {
		if (op->nr_leaves < policy->nr_leaves)
			return -ENOBUFS;
		memcpy(op->leaves.p, policy->leaves, policy->nr_leaves * sizeof(*policy->leaves));
	}
	if (op->msrs.p) {
		if (op->nr_msrs < policy->nr_msrs)
			return -ENOBUFS;
		memcpy(op->msrs.p, policy->msrs, policy->nr_msrs * sizeof(*policy->msrs));
	}
	if (op->leaves.p && op->index == XEN_SYSCTL_cpu_policy_pv_default)
		pad(op, policy->nr_leaves);
	else
		op->nr_leaves = op->leaves.p ? policy->nr_leaves : POLICY_LEAVES_MAX;
	op->nr_msrs = op->msrs.p ? policy->nr_msrs : POLICY_MSRS_MAX;
	return 0;
}

/* Of Xen's featureset the first words: what libxenguest looks at when it makes a domain. The order is Xen's. */
static long get_featureset(struct call *call, struct xen_sysctl_cpu_featureset *op)
{
	enum { WORDS = 7 };
	const struct cpu_policy_data *policy = &call->host->machine->policy;
	uint32_t words[WORDS] = { 0 };

	if (!op->features.p) {
		op->nr_features = WORDS;
		return 0;
	}
	for (unsigned i = 0; i < policy->nr_leaves; i++) {
		const xen_cpuid_leaf_t *leaf = &policy->leaves[i];

		if (leaf->leaf == 1)
			words[0] = leaf->d, words[1] = leaf->c;
		else if (leaf->leaf == 0x80000001u)
			words[2] = leaf->d, words[3] = leaf->c;
		else if (leaf->leaf == 7 && !leaf->subleaf)
			words[5] = leaf->b, words[6] = leaf->c;
	}
	op->nr_features = op->nr_features < WORDS ? op->nr_features : WORDS;
	memcpy(op->features.p, words, op->nr_features * sizeof(*words));
	return 0;
}

/* One pool has all processors. */
static long cpupool(struct call *call, struct xen_sysctl_cpupool_op *op)
{
	uint8_t cpus = (1u << CPUS) - 1;
	uint32_t count = 0;

	if (op->op != XEN_SYSCTL_CPUPOOL_OP_INFO)
		return -EOPNOTSUPP;
	if (op->cpupool_id && op->cpupool_id != XEN_SYSCTL_CPUPOOL_PAR_ANY)
		return -ENOENT;
	for (struct domain *domain = domain_next(call->host, 0); domain; count++)
		domain = domain_next(call->host, domain->domid + 1u);
	op->cpupool_id = 0;
	op->sched_id = XEN_SCHEDULER_CREDIT2;
	op->n_dom = count;
	if (op->cpumap.nr_bits < CPUS)
		return -EINVAL;
	memset(op->cpumap.bitmap.p, 0, (op->cpumap.nr_bits + 7) / 8);
	memcpy(op->cpumap.bitmap.p, &cpus, sizeof(cpus));
	return 0;
}

long call_sysctl(struct call *call, struct xen_sysctl *op)
{
	if (!call->caller->privileged)
		return -EPERM;
	if (op->interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return -EACCES;
	switch (op->cmd) {
	case XEN_SYSCTL_getdomaininfolist: return list_domains(call, &op->u.getdomaininfolist);
	case XEN_SYSCTL_physinfo: return physinfo(call, &op->u.physinfo);
	case XEN_SYSCTL_get_cpu_policy: return get_policy(call, &op->u.cpu_policy);
	case XEN_SYSCTL_get_cpu_featureset: return get_featureset(call, &op->u.cpu_featureset);
	case XEN_SYSCTL_numainfo: return numainfo(call, &op->u.numainfo);
	case XEN_SYSCTL_cputopoinfo: return cputopoinfo(&op->u.cputopoinfo);
	case XEN_SYSCTL_cpupool_op: return cpupool(call, &op->u.cpupool_op);
	case XEN_SYSCTL_sched_id: op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2; return 0;
	}
	return -ENOSYS;
}
