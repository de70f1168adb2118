/*
 * What the simulated processor offers, in the form of CPUID leaves and MSRs: fixed,
 * so that a test sees the same machine everywhere.
 */
#ifndef SIMHOST_CPU_POLICY_H
#define SIMHOST_CPU_POLICY_H

#include "host.h"

void cpu_policy_init_host(struct host *host);

/* Copies out; -ENOBUFS if there are more than the caller has room for. */
int cpu_policy_get(const struct cpu_policy_data *policy, struct xen_domctl_cpu_policy *out);

/* Checks and takes over, features that the host lacks cleared.  -EEXIST once the
 * domain has run, -EINVAL and err_* for a leaf or MSR beyond the host's limits. */
int cpu_policy_set(struct host *host, struct domain *domain, struct xen_domctl_cpu_policy *in);

#endif
