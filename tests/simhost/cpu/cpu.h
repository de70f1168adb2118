/*
 * The processor that simulated guests run on.  Loads and stores go by virtual
 * address through the guest's page tables, a page at a time; each is one step, in
 * which the guest runs, and waits while it is paused.
 */
#ifndef SIMHOST_CPU_H
#define SIMHOST_CPU_H

#include <signal.h>

#include "../calls/call.h"

struct cpu {
	struct host *host;
	uint16_t domid;
	unsigned vcpu;
	bool user; /* through the user root, without rights to kernel pages */
	bool gone; /* the guest is no more, or no longer runs: nothing has any effect */
};

/* Set by a signal handler: nobody waits for a paused guest any longer.  A step of one
 * that was paused in its middle stays half done. */
extern volatile sig_atomic_t cpu_interrupted;

/* Is there such a guest, and neither paused nor shut down? */
bool cpu_runs(struct host *host, uint16_t domid);

/* 0, or -EFAULT for what the tables do not allow; -ESRCH once the guest is gone. */
int cpu_load(struct cpu *cpu, uint64_t va, void *to, size_t bytes);
int cpu_store(struct cpu *cpu, uint64_t va, const void *from, size_t bytes);

/* A hypercall of the guest's: as hypercall(). */
long cpu_call(struct cpu *cpu, unsigned op, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3);

/* Registers that guest programs use; 32-bit guests have 32 bits of them. */
enum cpu_register { CPU_AX, CPU_BX, CPU_CX, CPU_DX, CPU_SI, CPU_DI, CPU_IP, CPU_SP };

uint64_t cpu_get(struct cpu *cpu, enum cpu_register which);
void cpu_set(struct cpu *cpu, enum cpu_register which, uint64_t value);

bool cpu_is_32bit(struct cpu *cpu);

/* The machine-to-phys table, which every guest may read. */
uint64_t cpu_pfn(struct cpu *cpu, uint64_t mfn);

/* A driver in domain 0 fills a page of the guest's: -EINVAL if it is not the guest's,
 * -EBUSY if it may not be written to. */
int cpu_backend_write(struct cpu *cpu, uint64_t mfn, const void *page);

/* The machine's page of shared_info, as if mapped by the guest. */
int cpu_load_shared(struct cpu *cpu, size_t at, void *to, size_t bytes);
int cpu_store_shared(struct cpu *cpu, size_t at, const void *from, size_t bytes);

#endif
