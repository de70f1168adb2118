/*
 * What a vCPU holds besides its pages: x87 and SSE registers, segment bases,
 * descriptors of its own GDT and LDT, debug registers. The compiler uses none
 * of them, so they are as the scenario left them; each vCPU has others.
 */
#include "scenario.h"

enum {
	MSR_FS_BASE = 0xc0000100,
	MSR_SHADOW_GS_BASE = 0xc0000102,
	SELECTOR = 1 << 3 | 3,
	LDT_SELECTOR = SELECTOR | 4,
	DESCRIPTORS = 8,
	FXSAVE_WORDS = 52, /* all but what is reserved */
};

static uint64_t fpu[MAX_VCPUS][64] __attribute__((aligned(16)));
static uint64_t tls[MAX_VCPUS], gdt[MAX_VCPUS], ldt[MAX_VCPUS];
static unsigned int good;

/* A data segment of so many bytes. */
static uint64_t descriptor(uint32_t limit)
{
	return 0x0040f20000000000 | (limit & 0xffff) | (uint64_t)(limit & 0xf0000) << 32;
}

static uint32_t limit_of(uint32_t selector)
{
	uint32_t limit = 0;

	asm volatile("lsl %1, %0" : "+r"(limit) : "r"(selector) : "cc");
	return limit;
}

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static uint64_t descriptor_page(uint32_t limit)
{
	uint64_t pfn = page_alloc(), *slot = virt(pfn);
	bool open = lock(&mm_lock);

	for (unsigned int i = 1; i < DESCRIPTORS; i++)
		slot[i] = descriptor(limit + i - 1);
	page_hold(pfn);
	batch_operation(MMUEXT_TLB_FLUSH_ALL, 0);
	batch_flush();
	unlock(&mm_lock, open);
	return pfn;
}

static void load_fpu(uint64_t *area, uint64_t number)
{
	asm volatile("fninit; fld1; fldpi; fldl2e; fxsave %0" : "=m"(*(uint64_t(*)[64])area));
	*((uint32_t *)area + 6) = 0x1f80 | (number & 1) << 15; /* mxcsr, flush to zero for every other */
	for (unsigned int i = 20; i < FXSAVE_WORDS; i++)
		area[i] = pattern_word(number, 7, i);
	asm volatile("fxrstor %0" ::"m"(*(uint64_t(*)[64])area));
}

static void set_up(void *argument)
{
	unsigned int vcpu = this_vcpu();
	xen_pfn_t frames[1] = { mfn_of(gdt[vcpu] = descriptor_page(0x10000 + 16 * vcpu)) };
	struct mmuext_op set_ldt = { .cmd = MMUEXT_SET_LDT };

	(void)argument;
	load_fpu(fpu[vcpu], vcpu);
	tls[vcpu] = pattern_word(vcpu, 8, 0);
	HYPERCALL(set_segment_base, SEGBASE_FS, &tls[vcpu], 0, 0);
	HYPERCALL(set_segment_base, SEGBASE_GS_USER, &tls[vcpu], 0, 0);
	if (HYPERCALL(set_gdt, frames, DESCRIPTORS, 0, 0))
		wrong("vCPU %u: Xen refuses the GDT", vcpu);
	ldt[vcpu] = descriptor_page(0x20000 + 16 * vcpu);
	set_ldt.arg1.linear_addr = (uint64_t)virt(ldt[vcpu]);
	set_ldt.arg2.nr_ents = DESCRIPTORS;
	if (mmuext_op(&set_ldt))
		wrong("vCPU %u: Xen refuses the LDT", vcpu);
	HYPERCALL(set_debugreg, 0, &tls[vcpu], 0, 0);
	asm volatile("mov %0, %%es" ::"r"(SELECTOR));
}

static void expect(const char *what, uint64_t is, uint64_t should_be)
{
	if (is == should_be)
		good++;
	else
		wrong("vCPU %u: %s is %lx, should be %lx", this_vcpu(), what, is, should_be);
}

static void cpu_state_read(void *argument)
{
	static uint64_t now[64] __attribute__((aligned(16)));
	unsigned int vcpu = this_vcpu();
	uint64_t at_fs, es;

	(void)argument;
	asm volatile("fxsave %0" : "=m"(now));
	asm volatile("mov %%fs:0, %0; mov %%es, %1" : "=r"(at_fs), "=r"(es));
	expect("FPU control", now[0] & 0xffff, fpu[vcpu][0] & 0xffff);
	expect("mxcsr", (uint32_t)now[3], (uint32_t)fpu[vcpu][3]);
	for (unsigned int i = 4; i < FXSAVE_WORDS; i++)
		expect("a word of x87 or SSE", now[i], fpu[vcpu][i]);
	expect("the word at fs:0", at_fs, tls[vcpu]);
	expect("fs base", read_msr(MSR_FS_BASE), (uint64_t)&tls[vcpu]);
	expect("user gs base", read_msr(MSR_SHADOW_GS_BASE), (uint64_t)&tls[vcpu]);
	expect("es", es & 0xffff, SELECTOR);
	expect("a limit by the GDT", limit_of(SELECTOR), 0x10000 + 16 * vcpu);
	expect("a limit by the LDT", limit_of(LDT_SELECTOR), 0x20000 + 16 * vcpu);
	expect("debug register 0", HYPERCALL(get_debugreg, 0, 0, 0, 0), (uint64_t)&tls[vcpu]);
}

static void on_all(void (*request)(void *))
{
	for (unsigned int i = 0; i < MAX_VCPUS; i++)
		if (vcpus[i].up)
			vcpu_call(i, request, NULL);
}

static enum outcome cpu_state_start(void)
{
	on_all(set_up);
	return success("%u vCPUs are set up", vcpus_up());
}

static enum outcome cpu_state_check(void)
{
	good = 0;
	on_all(cpu_state_read);
	return success("%u values of %u vCPUs", good, vcpus_up());
}

SCENARIO(.name = "cpu-state", .says = "FPU, TLS, GDT, LDT and debug registers of each vCPU",
	 .start = cpu_state_start, .check = cpu_state_check);
