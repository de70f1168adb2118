/* Stands in for the rest of xen/create.c and xen/vcpu.c: what is built into a domain beside its memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "log.h"
#include "xen/pte.h"

const struct cpu_policy *fake_drop_policy, *fake_host_policy;

int domain_create(struct domain **domain, struct host *host, const struct domain_plan *plan)
{
	(void)host;
	*domain = NULL;
	if (fake_fails("create"))
		return -EIO;
	if (plan->vcpus > FAKE_VCPUS)
		return fail(EINVAL, "fake: a domain has at most %u vCPUs", FAKE_VCPUS);
	*domain = fake_domain(8, plan->vcpus);
	(*domain)->is_paused = true;
	(*domain)->ssidref = plan->ssidref;
	(*domain)->most_frames = plan->most_kib / 4;
	memcpy((*domain)->uuid, plan->uuid, sizeof(plan->uuid));
	return 0;
}

int domain_set_width(struct domain *domain, unsigned int width)
{
	if (domain->frames)
		return fail(EBUSY, "fake: a domain with memory cannot change its width");
	domain->width = width;
	return fake_fails("set width") ? -EIO : 0;
}

int domain_width(struct domain *domain, unsigned int *width)
{
	*width = domain->width;
	return fake_fails("width") ? -EIO : 0;
}

int domain_alloc_port(struct domain *domain, uint32_t *port)
{
	*port = ++domain->ports;
	return fake_fails("alloc port") ? -EIO : 0;
}

int domain_seed_grants(struct domain *domain, mfn_t console, uint32_t console_domain, mfn_t store,
		       uint32_t store_domain)
{
	(void)console_domain, (void)store_domain;
	domain->granted[0] = console;
	domain->granted[1] = store;
	return fake_fails("seed grants") ? -EIO : 0;
}

int domain_vcpu_is_online(struct domain *domain, unsigned int vcpu, bool *online)
{
	*online = domain->vcpus[vcpu].is_online;
	return fake_fails("is online") ? -EIO : 0;
}

static void *copy_of(const void *from, size_t count)
{
	void *copy = malloc(count ? count : 1);

	memcpy(copy, from, count);
	return copy;
}

int domain_get_vcpu(struct domain *domain, unsigned int vcpu, enum vcpu_state kind, void **state,
		    size_t *bytes)
{
	const struct fake_vcpu *from = &domain->vcpus[vcpu];

	*state = NULL;
	*bytes = 0;
	if (fake_fails("get vcpu"))
		return -EIO;
	if (from->bytes[kind]) {
		*state = copy_of(from->state[kind], from->bytes[kind]);
		*bytes = from->bytes[kind];
	}
	return 0;
}

/* What Xen does with the frames that a context names. */
static int check_context(struct domain *domain, const uint8_t *state)
{
	const struct layout *layout = layout_of(domain->width);
	uint64_t cr3 = word_get(layout, state, layout->vcpu.cr3);
	uint64_t entries = word_get(layout, state, layout->vcpu.gdt_entries);
	mfn_t root = { domain->width == 8 ? pte_frame(cr3) : compat_cr3_frame(cr3) };
	int rc = fake_validate(domain, root, layout->levels);

	for (uint64_t i = 0; !rc && i * GDT_ENTRIES_A_FRAME < entries; i++) {
		mfn_t mfn = { word_get(layout, state, layout->vcpu.gdt_frames + i * layout->width) };

		if (fake_frame(mfn)->owner != domain->id || fake_frame(mfn)->writable)
			rc = fail(EINVAL, "fake: mfn %#lx cannot be part of a GDT", mfn.n);
	}
	if (rc || domain->width == 4 || !word_get(layout, state, layout->vcpu.cr1))
		return rc;
	return fake_validate(domain, MFN(pte_frame(word_get(layout, state, layout->vcpu.cr1))), 4);
}

int domain_set_vcpu(struct domain *domain, unsigned int vcpu, enum vcpu_state kind, const void *state,
		    size_t bytes)
{
	struct fake_vcpu *to = &domain->vcpus[vcpu];
	int rc = fake_fails("set vcpu") ? -EIO : 0;

	if (!rc && kind == VCPU_BASIC)
		rc = check_context(domain, state);
	if (rc)
		return rc;
	free(to->state[kind]);
	to->state[kind] = copy_of(state, bytes);
	to->bytes[kind] = bytes;
	to->is_online = true;
	return 0;
}

int domain_get_tsc(struct domain *domain, struct tsc_info *tsc)
{
	*tsc = domain->tsc;
	return fake_fails("get tsc") ? -EIO : 0;
}

int domain_set_tsc(struct domain *domain, const struct tsc_info *tsc)
{
	domain->tsc = *tsc;
	return fake_fails("set tsc") ? -EIO : 0;
}

void cpu_policy_release(struct cpu_policy *policy)
{
	free(policy->leaves);
	free(policy->msrs);
	*policy = (struct cpu_policy){ 0 };
}

static struct cpu_policy copy_policy(const struct cpu_policy *from)
{
	return (struct cpu_policy){ copy_of(from->leaves ? from->leaves : "", from->leaves_bytes),
				    copy_of(from->msrs ? from->msrs : "", from->msrs_bytes),
				    from->leaves_bytes, from->msrs_bytes };
}

int host_cpu_policy(struct host *host, struct cpu_policy *policy)
{
	(void)host;
	*policy = (struct cpu_policy){ 0 };
	if (fake_fails("host's CPU policy"))
		return -EIO;
	if (fake_host_policy)
		*policy = copy_policy(fake_host_policy);
	return 0;
}

int domain_get_cpu_policy(struct domain *domain, struct cpu_policy *policy)
{
	*policy = (struct cpu_policy){ 0 };
	if (fake_fails("get cpu policy"))
		return -EIO;
	*policy = copy_policy(&domain->policy);
	return 0;
}

int domain_set_cpu_policy(struct domain *domain, const struct cpu_policy *policy)
{
	if (fake_fails("set cpu policy"))
		return -EIO;
	cpu_policy_release(&domain->policy);
	domain->policy = copy_policy(fake_drop_policy ? fake_drop_policy : policy);
	return 0;
}
