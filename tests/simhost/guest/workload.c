/*
 * The workloads.  Each step is small, and what it left to do is in the guest's pages.
 */
#include <errno.h>
#include <unistd.h>

#include "../machine/pte.h"
#include "mm.h"
#include "p2m.h"
#include "workload.h"

enum { FIRST_MMS = 6, SMALL_GUEST_PAGES = 1024, BALLOON_SHARE = 16 };

static void start_vcpus(struct guest *guest)
{
	uint64_t nr = GET(guest, nr_vcpus);

	for (unsigned vcpu = 0; vcpu < nr; vcpu++)
		mm_switch(guest, vcpu, (int)(vcpu % (FIRST_MMS + 1)) - 1);
}

/* Address spaces: one a vCPU, some of them pinned and some not. */
void workload_start(struct guest *guest)
{
	if (guest->nr_pages < SMALL_GUEST_PAGES)
		return;
	for (unsigned i = 0; i < FIRST_MMS; i++)
		mm_create(guest, 40 + i * 90);
	mm_map_foreign(guest);
	start_vcpus(guest);
}

static void step_write(struct guest *guest)
{
	uint64_t rate = GET(guest, rate), pfn;

	for (uint64_t i = 0; i < rate; i++) {
		pfn = kernel_random_data_page(guest);
		if (pfn == NO_FRAME)
			return;
		kernel_rewrite(guest, pfn);
	}
	pfn = kernel_random_data_page(guest);
	if (pfn != NO_FRAME)
		kernel_verify(guest, pfn);
	PUT(guest, writes, GET(guest, writes) + rate);
}

static uint8_t vcpu_mm(struct guest *guest, unsigned vcpu)
{
	uint8_t mm = 0;

	cpu_load(&guest->cpu, guest->state_va + offsetof(struct guest_state, vcpu_mm) + vcpu, &mm, 1);
	return mm;
}

static int random_mm(struct guest *guest)
{
	unsigned start = kernel_random(guest, GUEST_MMS_MAX);

	for (unsigned i = 0; i < GUEST_MMS_MAX; i++)
		if (mm_flags(guest, (start + i) % GUEST_MMS_MAX) & MM_ALIVE)
			return (start + i) % GUEST_MMS_MAX;
	return -1;
}

static void leave_mm(struct guest *guest, int mm)
{
	uint64_t nr = GET(guest, nr_vcpus);

	for (unsigned vcpu = 0; vcpu < nr; vcpu++)
		if (vcpu_mm(guest, vcpu) == mm + 1)
			mm_switch(guest, vcpu, -1);
}

/* A store in user mode, through the address space the vCPU is in. */
static void write_as_user(struct guest *guest, unsigned vcpu, int mm)
{
	unsigned page = kernel_random(guest, mm_pages(guest, mm));
	uint64_t entry = mm_get_entry(guest, mm, page), pfn;
	struct cpu cpu = guest->cpu;
	uint8_t content[PAGE_BYTES];
	int err;

	if (!(entry & PTE_PRESENT))
		return;
	pfn = kernel_pfn(guest, pte_mfn(entry));
	if (pfn >= guest->nr_pages)
		return;
	cpu.vcpu = vcpu;
	cpu.user = true;
	stamp_page(content, GET(guest, seed), pfn, kernel_version(guest, pfn) + 1);
	err = cpu_store(&cpu, USER_VA + page * PAGE_BYTES, content, sizeof(content));
	if (err == -EFAULT && entry & PTE_RW)
		kernel_complain(guest, "user mode cannot write to page", page);
	else if (!err && !(entry & PTE_RW))
		kernel_complain(guest, "user mode can write to page", page);
	if (!err)
		kernel_set_version(guest, pfn, kernel_version(guest, pfn) + 1);
}

static void step_fork(struct guest *guest)
{
	unsigned vcpu = kernel_random(guest, GET(guest, nr_vcpus));
	int mm = random_mm(guest);

	switch (kernel_random(guest, 8)) {
	case 0: mm_create(guest, 1 + kernel_random(guest, MM_L1S * SLOTS / 4)); break;
	case 1:
		if (mm < 0)
			break;
		leave_mm(guest, mm);
		mm_destroy(guest, mm);
		break;
	case 2:
	case 3: mm_switch(guest, vcpu, mm); break;
	default:
		mm = vcpu_mm(guest, vcpu) - 1;
		if (mm >= 0)
			write_as_user(guest, vcpu, mm);
	}
}

/* Two entries change places, one of them by way of not being present. */
static void step_remap(struct guest *guest)
{
	int mm = random_mm(guest);
	unsigned a, b;
	uint64_t entry_a, entry_b;

	if (mm < 0)
		return;
	a = kernel_random(guest, mm_pages(guest, mm));
	b = kernel_random(guest, mm_pages(guest, mm));
	if (kernel_random(guest, 4) == 0)
		mm_pin(guest, mm);
	entry_a = mm_get_entry(guest, mm, a);
	entry_b = mm_get_entry(guest, mm, b);
	if (a == b)
		return;
	mm_set_entry(guest, mm, a, 0);
	mm_set_entry(guest, mm, b, entry_a);
	mm_set_entry(guest, mm, a, entry_b);
}

static void balloon_out(struct guest *guest)
{
	uint64_t pfn = kernel_random_data_page(guest), mfn;
	struct xen_memory_reservation op = { .nr_extents = 1, .domid = DOMID_SELF };

	if (pfn == NO_FRAME)
		return;
	mfn = kernel_mfn(guest, pfn);
	op.extent_start.p = &mfn;
	kernel_set_use(guest, pfn, USE_BALLOONED);
	mm_map_kernel(guest, guest->direct_va + pfn * PAGE_BYTES, NO_FRAME, false);
	p2m_begin_change(guest);
	kernel_set_mfn(guest, pfn, NO_FRAME);
	p2m_end_change(guest);
	if (cpu_call(&guest->cpu, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uintptr_t)&op, 0,
		     0) != 1)
		kernel_complain(guest, "cannot give back pfn", pfn);
	PUT(guest, ballooned, GET(guest, ballooned) + 1);
}

static void balloon_in(struct guest *guest)
{
	uint64_t pfn = kernel_find(guest, USE_BALLOONED, kernel_random(guest, GET(guest, direct_pages))), mfn;
	struct xen_memory_reservation op = { .nr_extents = 1, .domid = DOMID_SELF };

	if (pfn == NO_FRAME)
		return;
	mfn = pfn;
	op.extent_start.p = &mfn;
	if (cpu_call(&guest->cpu, __HYPERVISOR_memory_op, XENMEM_populate_physmap, (uintptr_t)&op, 0, 0) != 1)
		return;
	p2m_begin_change(guest);
	kernel_set_mfn(guest, pfn, mfn);
	p2m_end_change(guest);
	mm_map_kernel(guest, guest->direct_va + pfn * PAGE_BYTES, pfn, true);
	kernel_give(guest, pfn);
	PUT(guest, ballooned, GET(guest, ballooned) - 1);
}

/*
 * Linux's balloon works off a batch and rests. On a processor of its own a guest without a rest changes its p2m every
 * few microseconds for ever, and no toolstack can read it while the guest runs.
 */
static void rest(struct guest *guest)
{
	enum { BATCH = 64, REST_US = 1000 };

	if (GET(guest, generation) / 2 % BATCH == 0)
		usleep(REST_US);
}

static void step_balloon(struct guest *guest)
{
	uint64_t out = GET(guest, ballooned), most = guest->nr_pages / BALLOON_SHARE;

	switch (kernel_random(guest, 16)) {
	case 0: p2m_move_leaf(guest, kernel_random(guest, GET(guest, p2m_pages))); break;
	case 1 ... 7: balloon_in(guest); break;
	default:
		if (out < most)
			balloon_out(guest);
	}
	rest(guest);
}

/* A backend fills a page that the guest has granted: no table of the guest's, no
 * accessed bit, knows of it. */
static void step_grant(struct guest *guest)
{
	uint64_t pfn = kernel_random_data_page(guest);
	uint8_t content[PAGE_BYTES];

	if (pfn == NO_FRAME)
		return;
	stamp_page(content, GET(guest, seed), pfn, kernel_version(guest, pfn) + 1);
	if (cpu_backend_write(&guest->cpu, kernel_mfn(guest, pfn), content))
		kernel_complain(guest, "the backend cannot write to pfn", pfn);
	else
		kernel_set_version(guest, pfn, kernel_version(guest, pfn) + 1);
}

static void step_mix(struct guest *guest)
{
	static void (*const steps[])(struct guest * guest) = {
		step_write, step_fork, step_remap, step_balloon, step_grant,
	};

	steps[kernel_random(guest, sizeof(steps) / sizeof(*steps))](guest);
}

bool workload_step(struct guest *guest)
{
	static void (*const steps[WORKLOADS])(struct guest * guest) = {
		[WORKLOAD_WRITE] = step_write, [WORKLOAD_FORK] = step_fork,
		[WORKLOAD_REMAP] = step_remap, [WORKLOAD_BALLOON] = step_balloon,
		[WORKLOAD_GRANT] = step_grant, [WORKLOAD_MIX] = step_mix,
	};
	uint64_t workload = GET(guest, workload);

	if (workload >= WORKLOADS || !steps[workload])
		return false;
	steps[workload](guest);
	return true;
}
