/*
 * CPUID leaves and MSRs: of a domain, and the most that this host can give a PV domain. These calls are made
 * here, as libxenguest, which makes them too, loads what reads compressed kernels: the builder maps no zstd.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xencall.h>

#include "log.h"
#include "xen/internal.h"

/* Memory that the hypervisor can reach, with room for so many of each. */
struct exchange {
	xencall_handle *handle;
	uint32_t leaf_count, msr_count;
	xen_cpuid_leaf_t *leaves;
	xen_msr_entry_t *msrs;
};

static void exchange_close(struct exchange *exchange)
{
	xencall_free_buffer(exchange->handle, exchange->leaves);
	xencall_free_buffer(exchange->handle, exchange->msrs);
}

static int exchange_open(struct exchange *exchange, struct host *host)
{
	exchange->handle = xc_interface_xcall_handle(host->xc);
	exchange->leaves = xencall_alloc_buffer(exchange->handle,
						exchange->leaf_count * sizeof(*exchange->leaves));
	exchange->msrs = xencall_alloc_buffer(exchange->handle,
					      exchange->msr_count * sizeof(*exchange->msrs));
	if (exchange->leaves && exchange->msrs)
		return 0;
	exchange_close(exchange);
	return fail(ENOMEM, "out of memory for hypercalls");
}

/* Without arrays Xen tells how many entries there can be, whatever the policy. */
static int ask_most(struct host *host, struct exchange *exchange)
{
	struct xen_sysctl sysctl = {
		.cmd = XEN_SYSCTL_get_cpu_policy,
		.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_max,
	};

	if (xc_sysctl(host->xc, &sysctl))
		return fail_errno("cannot ask for the size of a CPU policy");
	exchange->leaf_count = sysctl.u.cpu_policy.nr_leaves;
	exchange->msr_count = sysctl.u.cpu_policy.nr_msrs;
	return 0;
}

/* Get and set are one call but for its number: the same arrays, in the other direction. */
static struct xen_domctl domain_call(const struct domain *domain, uint32_t command,
				     const struct exchange *exchange)
{
	struct xen_domctl domctl = {
		.cmd = command,
		.domain = domain->id,
		.u.cpu_policy.nr_leaves = exchange->leaf_count,
		.u.cpu_policy.nr_msrs = exchange->msr_count,
	};

	set_xen_guest_handle_raw(domctl.u.cpu_policy.leaves, exchange->leaves);
	set_xen_guest_handle_raw(domctl.u.cpu_policy.msrs, exchange->msrs);
	return domctl;
}

static int fetch_of_domain(const struct domain *domain, struct exchange *exchange)
{
	struct xen_domctl domctl = domain_call(domain, XEN_DOMCTL_get_cpu_policy, exchange);

	if (xc_domctl(xc_of(domain), &domctl))
		return fail_errno("cannot fetch domain %u's CPU policy", domain->id);
	exchange->leaf_count = domctl.u.cpu_policy.nr_leaves;
	exchange->msr_count = domctl.u.cpu_policy.nr_msrs;
	return 0;
}

/* Not what new guests get by default but the most they can: a guest that runs with it elsewhere can come here. */
static int fetch_of_host(const struct host *host, struct exchange *exchange)
{
	struct xen_sysctl sysctl = {
		.cmd = XEN_SYSCTL_get_cpu_policy,
		.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_pv_max,
		.u.cpu_policy.nr_leaves = exchange->leaf_count,
		.u.cpu_policy.nr_msrs = exchange->msr_count,
	};

	set_xen_guest_handle_raw(sysctl.u.cpu_policy.leaves, exchange->leaves);
	set_xen_guest_handle_raw(sysctl.u.cpu_policy.msrs, exchange->msrs);
	if (xc_sysctl(host->xc, &sysctl))
		return fail_errno("cannot fetch the host's CPU policy");
	exchange->leaf_count = sysctl.u.cpu_policy.nr_leaves;
	exchange->msr_count = sysctl.u.cpu_policy.nr_msrs;
	return 0;
}

/* Out of the memory for hypercalls, which is scarce and goes by the page. */
static int keep(const struct exchange *exchange, struct cpu_policy *policy)
{
	policy->leaves_bytes = exchange->leaf_count * sizeof(*exchange->leaves);
	policy->msrs_bytes = exchange->msr_count * sizeof(*exchange->msrs);
	policy->leaves = malloc(policy->leaves_bytes);
	policy->msrs = malloc(policy->msrs_bytes);
	if (!policy->leaves || !policy->msrs) {
		cpu_policy_release(policy);
		return fail(ENOMEM, "out of memory");
	}
	memcpy(policy->leaves, exchange->leaves, policy->leaves_bytes);
	memcpy(policy->msrs, exchange->msrs, policy->msrs_bytes);
	return 0;
}

/* domain: NULL, of the host */
static int get(struct host *host, const struct domain *domain, struct cpu_policy *policy)
{
	struct exchange exchange = { 0 };
	int rc = ask_most(host, &exchange);

	*policy = (struct cpu_policy){ 0 };
	if (!rc)
		rc = exchange_open(&exchange, host);
	if (rc)
		return rc;
	rc = domain ? fetch_of_domain(domain, &exchange) : fetch_of_host(host, &exchange);
	if (!rc)
		rc = keep(&exchange, policy);
	exchange_close(&exchange);
	return rc;
}

int domain_get_cpu_policy(struct domain *domain, struct cpu_policy *policy)
{
	return get(domain->host, domain, policy);
}

int host_cpu_policy(struct host *host, struct cpu_policy *policy)
{
	return get(host, NULL, policy);
}

static int policy_set(const struct domain *domain, const struct exchange *exchange)
{
	struct xen_domctl domctl = domain_call(domain, XEN_DOMCTL_set_cpu_policy, exchange);

	/* Xen fills in those that it refuses; the others then do not look like a leaf 0 that is wrong. */
	domctl.u.cpu_policy.err_leaf = domctl.u.cpu_policy.err_subleaf = domctl.u.cpu_policy.err_msr = -1;
	if (!xc_domctl(xc_of(domain), &domctl))
		return 0;
	return fail_errno("Xen refuses the CPU policy (leaf %#x, subleaf %#x, MSR %#x)",
			  domctl.u.cpu_policy.err_leaf, domctl.u.cpu_policy.err_subleaf,
			  domctl.u.cpu_policy.err_msr);
}

int domain_set_cpu_policy(struct domain *domain, const struct cpu_policy *policy)
{
	struct exchange exchange = {
		.leaf_count = policy->leaves_bytes / sizeof(xen_cpuid_leaf_t),
		.msr_count = policy->msrs_bytes / sizeof(xen_msr_entry_t),
	};
	int rc = exchange_open(&exchange, domain->host);

	if (rc)
		return rc;
	memcpy(exchange.leaves, policy->leaves, exchange.leaf_count * sizeof(*exchange.leaves));
	memcpy(exchange.msrs, policy->msrs, exchange.msr_count * sizeof(*exchange.msrs));
	rc = policy_set(domain, &exchange);
	exchange_close(&exchange);
	return rc;
}

void cpu_policy_release(struct cpu_policy *policy)
{
	free(policy->leaves);
	free(policy->msrs);
	*policy = (struct cpu_policy){ 0 };
}
