/*
 * A simulated guest's memory.  Its program keeps all it knows in its own pages, the
 * root of which is the state page at the address in register BX of its first vCPU;
 * the same layout serves 32-bit and 64-bit guests.
 */
#ifndef SIMHOST_LAYOUT_H
#define SIMHOST_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define GUEST_MAGIC 0x74736575676d6973ul

#define DIRECT_VA_64	0xffff888000000000ul
#define P2M_VA_64	0xffffc90000000000ul
#define DIRECT_VA_32	0xc0000000ul
#define P2M_VA_32	0xf0000000ul
#define DIRECT_PAGES_32 (640ul << 8) /* what a 32-bit kernel maps; the rest is not touched */
#define USER_VA		0x400000ul

enum { GUEST_MMS_MAX = 32, GUEST_VCPUS_MAX = 128, GUEST_NAME_BYTES = 32, MM_L1S = 2 };

enum guest_phase { GUEST_BOOT, GUEST_RUN, GUEST_SUSPEND, GUEST_SUSPENDED };

enum guest_workload {
	WORKLOAD_IDLE,
	WORKLOAD_WRITE,
	WORKLOAD_FORK,
	WORKLOAD_REMAP,
	WORKLOAD_BALLOON,
	WORKLOAD_GRANT,
	WORKLOAD_MIX,
	WORKLOADS,
};

/* What a page is in use as: one byte of the memory map a page. */
enum guest_use { USE_FREE, USE_KERNEL, USE_DATA, USE_TABLE, USE_BALLOONED, USE_MAPPED };

enum guest_mm_flags { MM_ALIVE = 1, MM_PINNED = 2, MM_PINNED_TO_SUSPEND = 4 };

/* An address space: a root for the kernel, its twin for user mode (64-bit only), and
 * the tables below them, by pfn.  Data pages stand at USER_VA. */
struct guest_mm {
	uint64_t flags, pages;
	uint64_t root, user_root, l3, l2, kernel_l2, l1[MM_L1S];
};

struct guest_state {
	uint64_t magic, seed, is_32bit, workload, rate, nr_vcpus;
	uint64_t phase, steps, ticks, suspends, restores, cancels, complaints;
	uint64_t nr_pages, direct_pages, direct_va, p2m_va, p2m_is_linear;
	uint64_t start_info, store, console, gdt, root, kernel_l2;	/* pfns */
	uint64_t map, versions, leaves, p2m_pages, p2m_middle, p2m_top; /* first pfns of arrays */
	uint64_t random, generation, ballooned, mms_made, writes;
	uint64_t unannounced;		  /* pfns at the end that max_pfn leaves out */
	uint64_t keeps_foreign;		  /* does not unmap what is not its own to suspend */
	uint8_t vcpu_mm[GUEST_VCPUS_MAX]; /* index + 1; 0: the kernel's own root */
	struct guest_mm mms[GUEST_MMS_MAX];
};

_Static_assert(sizeof(struct guest_state) <= 4096, "the state is one page");

/* The content of a data page follows from these; version 0 is a page of zeroes. */
void stamp_page(void *page, uint64_t seed, uint64_t pfn, uint32_t version);

const char *workload_name(enum guest_workload workload);
int workload_from_name(const char *name); /* -EINVAL */

#endif
