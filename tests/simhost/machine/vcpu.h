/*
 * What the toolstack reads and writes of a vCPU.
 */
#ifndef SIMHOST_VCPU_H
#define SIMHOST_VCPU_H

#include "host.h"

/* In the guest's own width.  -ENODATA: never set. */
int vcpu_get_context(struct host *host, struct domain *domain, struct vcpu *vcpu, void *context);

/* The first time the tables it names are checked and held; later they must be the
 * same (-EOPNOTSUPP).  -EINVAL for what Xen would not run; NULL: reset the vCPU. */
int vcpu_set_context(struct host *host, struct domain *domain, struct vcpu *vcpu, const void *context);

void vcpu_drop_tables(struct host *host, struct vcpu *vcpu);

int vcpu_get_extended(struct vcpu *vcpu, struct xen_domctl_ext_vcpucontext *ext);
int vcpu_set_extended(struct vcpu *vcpu, const struct xen_domctl_ext_vcpucontext *ext);
int vcpu_get_xsave(struct vcpu *vcpu, struct xen_domctl_vcpuextstate *state);
int vcpu_set_xsave(struct vcpu *vcpu, const struct xen_domctl_vcpuextstate *state);
int vcpu_get_msrs(struct vcpu *vcpu, struct xen_domctl_vcpu_msrs *msrs);
int vcpu_set_msrs(struct vcpu *vcpu, struct xen_domctl_vcpu_msrs *msrs);

/* A 64-bit address that a processor with 48-bit addresses takes. */
bool address_is_canonical(uint64_t address);

#endif
