/*
 * Loads, stores and calls of one vCPU, each under the machine's lock.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../machine/dirty.h"
#include "../machine/domain.h"
#include "../machine/pte.h"
#include "../machine/shadow.h"
#include "../machine/types.h"
#include "../machine/walk.h"
#include "cpu.h"

enum { PAUSED_POLL_US = 200 };

volatile sig_atomic_t cpu_interrupted;

/* Takes the lock once the guest runs; NULL, without it, if it never will again. */
static struct domain *enter(struct cpu *cpu)
{
	for (;;) {
		struct domain *domain;

		host_lock(cpu->host);
		domain = cpu->gone ? NULL : domain_find(cpu->host, cpu->domid);
		if (domain && domain_runs(domain))
			return domain;
		host_unlock(cpu->host);
		if (!domain || domain->shutdown || cpu_interrupted) {
			cpu->gone = true;
			return NULL;
		}
		usleep(PAUSED_POLL_US);
	}
}

bool cpu_runs(struct host *host, uint16_t domid)
{
	struct domain *domain;
	bool runs;

	host_lock(host);
	domain = domain_find(host, domid);
	runs = domain && domain_runs(domain);
	host_unlock(host);
	return runs;
}

static uint64_t root_of(const struct cpu *cpu, const struct domain *domain)
{
	const struct vcpu *vcpu = &domain->vcpus[cpu->vcpu];

	return cpu->user && !domain->is_32bit ? vcpu->user_root : vcpu->root;
}

static uint8_t *translate(struct cpu *cpu, struct domain *domain, uint64_t va, bool write)
{
	struct walk walk = { .is_32bit = domain->is_32bit, .write = write, .user = cpu->user };
	uint64_t root = root_of(cpu, domain);

	if (cpu->host->machine->has_shadow)
		walk.mfn = shadow_access(cpu->host, domain, root, va, write, cpu->user);
	else if (walk_tables(cpu->host, root, va, &walk))
		return NULL;
	if (walk.mfn == NO_FRAME)
		return NULL;
	return (uint8_t *)host_page(cpu->host, walk.mfn) + va % PAGE_BYTES;
}

static size_t to_end_of_page(uint64_t va, size_t bytes)
{
	size_t room = PAGE_BYTES - va % PAGE_BYTES;

	return bytes < room ? bytes : room;
}

int cpu_load(struct cpu *cpu, uint64_t va, void *to, size_t bytes)
{
	for (size_t n; bytes; bytes -= n, va += n, to = (uint8_t *)to + n) {
		struct domain *domain = enter(cpu);
		const uint8_t *at;

		if (!domain)
			return -ESRCH;
		n = to_end_of_page(va, bytes);
		at = translate(cpu, domain, va, false);
		if (at)
			memcpy(to, at, n);
		host_unlock(cpu->host);
		if (!at)
			return -EFAULT;
	}
	return 0;
}

int cpu_store(struct cpu *cpu, uint64_t va, const void *from, size_t bytes)
{
	for (size_t n; bytes; bytes -= n, va += n, from = (const uint8_t *)from + n) {
		struct domain *domain = enter(cpu);
		uint8_t *at;

		if (!domain)
			return -ESRCH;
		n = to_end_of_page(va, bytes);
		at = translate(cpu, domain, va, true);
		if (at)
			memcpy(at, from, n);
		host_unlock(cpu->host);
		if (!at)
			return -EFAULT;
	}
	return 0;
}

long cpu_call(struct cpu *cpu, unsigned op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	if (!enter(cpu))
		return -ESRCH;
	host_unlock(cpu->host);
	return hypercall(cpu->host, cpu->domid, cpu->vcpu, op, (uint64_t[CALL_ARGS]){ a0, a1, a2, a3 });
}

static void *register_at(struct domain *domain, unsigned vcpu, enum cpu_register which)
{
	struct cpu_user_regs_x86_64 *x64 = &domain->vcpus[vcpu].context.x64.user_regs;
	struct cpu_user_regs_x86_32 *x32 = &domain->vcpus[vcpu].context.x32.user_regs;
	void *const in_64[] = { &x64->rax, &x64->rbx, &x64->rcx, &x64->rdx,
				&x64->rsi, &x64->rdi, &x64->rip, &x64->rsp };
	void *const in_32[] = { &x32->eax, &x32->ebx, &x32->ecx, &x32->edx,
				&x32->esi, &x32->edi, &x32->eip, &x32->esp };

	return domain->is_32bit ? in_32[which] : in_64[which];
}

uint64_t cpu_get(struct cpu *cpu, enum cpu_register which)
{
	struct domain *domain = enter(cpu);
	uint64_t value;

	if (!domain)
		return 0;
	value = domain->is_32bit ? *(uint32_t *)register_at(domain, cpu->vcpu, which)
				 : *(uint64_t *)register_at(domain, cpu->vcpu, which);
	host_unlock(cpu->host);
	return value;
}

void cpu_set(struct cpu *cpu, enum cpu_register which, uint64_t value)
{
	struct domain *domain = enter(cpu);

	if (!domain)
		return;
	if (domain->is_32bit)
		*(uint32_t *)register_at(domain, cpu->vcpu, which) = value;
	else
		*(uint64_t *)register_at(domain, cpu->vcpu, which) = value;
	host_unlock(cpu->host);
}

bool cpu_is_32bit(struct cpu *cpu)
{
	struct domain *domain = enter(cpu);
	bool is_32bit = domain && domain->is_32bit;

	if (domain)
		host_unlock(cpu->host);
	return is_32bit;
}

uint64_t cpu_pfn(struct cpu *cpu, uint64_t mfn)
{
	uint64_t pfn = NO_FRAME;

	if (!enter(cpu))
		return NO_FRAME;
	if (mfn < cpu->host->machine->nr_frames)
		pfn = host_m2p(cpu->host)[mfn];
	host_unlock(cpu->host);
	return pfn;
}

/*
 * The guest grants the frame; of as many as fit the one before is revoked, and
 * only that is seen by the log: not what is written through a grant that stays mapped.
 */
static void grant(struct host *host, struct domain *domain, uint64_t mfn)
{
	enum { FIRST = 8, MANY = 128 };
	grant_entry_v1_t *entries = host_page(host, domain->grant_frames[0]);
	grant_entry_v1_t *entry = &entries[FIRST + mfn % MANY];

	if (entry->flags && entry->frame != mfn)
		dirty_mark(host, entry->frame);
	*entry = (grant_entry_v1_t){ .flags = GTF_permit_access, .frame = mfn };
}

int cpu_backend_write(struct cpu *cpu, uint64_t mfn, const void *page)
{
	struct domain *domain = enter(cpu);
	int err;

	if (!domain)
		return -ESRCH;
	err = frame_get_as(cpu->host, mfn, FRAME_WRITABLE, domain);
	if (!err) {
		grant(cpu->host, domain, mfn);
		memcpy(host_page(cpu->host, mfn), page, PAGE_BYTES);
		frame_put_as(cpu->host, mfn);
	}
	host_unlock(cpu->host);
	return err;
}

int cpu_load_shared(struct cpu *cpu, size_t at, void *to, size_t bytes)
{
	struct domain *domain = enter(cpu);

	if (!domain)
		return -ESRCH;
	memcpy(to, (uint8_t *)host_page(cpu->host, domain->shared_info) + at, bytes);
	host_unlock(cpu->host);
	return 0;
}

int cpu_store_shared(struct cpu *cpu, size_t at, const void *from, size_t bytes)
{
	struct domain *domain = enter(cpu);

	if (!domain)
		return -ESRCH;
	memcpy((uint8_t *)host_page(cpu->host, domain->shared_info) + at, from, bytes);
	host_unlock(cpu->host);
	return 0;
}
