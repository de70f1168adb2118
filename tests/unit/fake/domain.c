/* Stands in for xen/host.c, domain.c, create.c, vcpu.c and suspend.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "log.h"

bool fake_refuses_resume;

struct host {
	int unused;
};

static struct host the_host;
static struct domain *domains[FAKE_DOMAINS];

unsigned int fake_calls, fake_fail_at;
uint64_t fake_free_frames;
unsigned int fake_nodes;

bool fake_fails(const char *what)
{
	if (__atomic_add_fetch(&fake_calls, 1, __ATOMIC_RELAXED) != fake_fail_at)
		return false;
	fail(EIO, "fake: call %u, %s, fails", fake_fail_at, what);
	return true;
}

/* --- the machine ------------------------------------------------------ */

static void release(struct domain *domain)
{
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		for (int kind = 0; kind < VCPU_STATES; kind++)
			free(domain->vcpus[i].state[kind]);
	cpu_policy_release(&domain->policy);
	domains[domain->id] = NULL;
	free(domain);
}

void fake_reset(void)
{
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++)
		if (domains[i])
			release(domains[i]);
	fake_forget_mappings();
	fake_store_reset();
	fake_calls = fake_fail_at = 0;
	fake_labels = NULL;
	fake_free_frames = FAKE_FRAMES;
	fake_nodes = 1;
	fail_forget();
}

struct domain *fake_find(uint32_t id)
{
	return id < FAKE_DOMAINS ? domains[id] : NULL;
}

void fake_remove(struct domain *domain)
{
	fake_unmap(domain);
	fake_store_forget(domain->id);
	for (uint64_t mfn = 0; mfn < FAKE_FRAMES; mfn++)
		if (fake_frame(MFN(mfn))->owner == domain->id)
			*fake_frame(MFN(mfn)) = (struct fake_frame){ .owner = 0 };
	release(domain);
}

unsigned int fake_domains(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < FAKE_DOMAINS; i++)
		count += domains[i] && !domains[i]->is_destroyed;
	return count;
}

struct domain *fake_domain(unsigned int width, unsigned int vcpus)
{
	struct domain *domain = calloc(1, sizeof(*domain));

	domain->id = 1;
	while (domains[domain->id])
		domain->id++;
	domain->width = width;
	domain->vcpu_count = vcpus;
	domain->shared_info = fake_allocate(FAKE_XEN);
	for (int i = 0; i < 16; i++)
		domain->uuid[i] = domain->id << 4 | i;
	domains[domain->id] = domain;
	return domain;
}

/* --- host -------------------------------------------------------------- */

int host_open(struct host **host)
{
	*host = &the_host;
	return 0;
}

void host_close(struct host *host)
{
	(void)host;
}

int host_facts(struct host *host, struct host_facts *facts)
{
	(void)host;
	*facts = (struct host_facts){ .xen_major = 4,
				      .xen_minor = 17,
				      .xen_version = "4.17.7",
				      .free_frames = fake_free_frames,
				      .all_frames = FAKE_FRAMES,
				      .nodes = fake_nodes };
	return fake_fails("host facts") ? -EIO : 0;
}

int host_check(struct host *host)
{
	(void)host;
	return fake_fails("host check") ? -EIO : 0;
}

/* --- domain -------------------------------------------------------------- */

int domain_list(struct host *host, uint32_t **ids, size_t *count)
{
	(void)host;
	*count = 0;
	*ids = NULL;
	if (fake_fails("list"))
		return -EIO;
	*ids = calloc(FAKE_DOMAINS, sizeof(**ids));
	for (uint32_t i = 0; i < FAKE_DOMAINS; i++)
		if (domains[i] && !domains[i]->is_destroyed)
			(*ids)[(*count)++] = i;
	return 0;
}

int domain_find(struct host *host, const char *name_or_id, uint32_t *id)
{
	(void)host;
	*id = strtoul(name_or_id, NULL, 10);
	return fake_find(*id) ? 0 : fail(ESRCH, "there is no domain %u", *id);
}

int domain_open(struct domain **domain, struct host *host, uint32_t id)
{
	(void)host;
	*domain = fake_fails("open") ? NULL : fake_find(id);
	return *domain ? 0 : -ESRCH;
}

void domain_close(struct domain *domain)
{
	(void)domain;
}

uint32_t domain_id(const struct domain *domain)
{
	return domain->id;
}

struct host *domain_host(const struct domain *domain)
{
	(void)domain;
	return &the_host;
}

int domain_facts(struct domain *domain, struct domain_facts *facts)
{
	if (fake_fails("facts"))
		return -EIO;
	*facts = (struct domain_facts){
		.id = domain->id,
		.is_hvm = domain->is_hvm,
		.is_paused = domain->is_paused,
		.is_shut_down = domain->is_suspended,
		.shutdown_reason = SHUTDOWN_REASON_SUSPEND,
		.frames = domain->frames,
		.most_frames = domain->most_frames,
		.shared_info = domain->shared_info,
		.vcpus = domain->vcpu_count,
		.vcpus_online = domain->vcpu_count,
	};
	memcpy(facts->uuid, domain->uuid, sizeof(facts->uuid));
	return 0;
}

int domain_pause(struct domain *domain)
{
	domain->is_paused = true;
	return fake_fails("pause") ? -EIO : 0;
}

int domain_unpause(struct domain *domain)
{
	domain->is_paused = false;
	return fake_fails("unpause") ? -EIO : 0;
}

/* The struct stays until fake_reset() where somebody still holds it. */
int domain_destroy(struct domain *domain)
{
	if (fake_fails("destroy"))
		return -EIO;
	domain->is_destroyed = true;
	return 0;
}

int domain_suspend(struct domain *domain, unsigned int timeout_seconds, bool *is_on_its_way)
{
	*is_on_its_way = false;
	(void)timeout_seconds;
	domain->is_suspended = !fake_fails("suspend");
	return domain->is_suspended ? 0 : -EIO;
}

const char *domain_end(unsigned int shutdown_reason)
{
	return shutdown_reason ? "ended" : "shut down";
}

int domain_withdraw(struct domain *domain)
{
	return domain_resume(domain);
}

int domain_resume(struct domain *domain)
{
	if (fake_fails("resume"))
		return -EIO;
	if (fake_refuses_resume)
		return fail(EPERM, "cannot resume domain %u", domain->id);
	domain->is_suspended = false;
	return 0;
}
