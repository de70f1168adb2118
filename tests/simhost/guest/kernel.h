/*
 * What a simulated guest's kernel does all the time: its state, its memory map, its
 * p2m.  All of it goes through the processor; nothing is remembered outside the guest.
 */
#ifndef SIMHOST_KERNEL_H
#define SIMHOST_KERNEL_H

#include "../cpu/cpu.h"
#include "layout.h"

struct guest {
	struct cpu cpu;
	uint64_t state_va;
	/* read from the state once a step: they never change */
	bool is_32bit;
	uint64_t direct_va, nr_pages;
};

#define GET(guest, field)	 kernel_get(guest, offsetof(struct guest_state, field))
#define PUT(guest, field, value) kernel_put(guest, offsetof(struct guest_state, field), value)

/* 0, or -ESRCH if that domain's first vCPU does not run one of our kernels. */
int kernel_enter(struct guest *guest, struct host *host, uint16_t domid);

uint64_t kernel_get(struct guest *guest, size_t field);
void kernel_put(struct guest *guest, size_t field, uint64_t value);

/* By pfn and offset, through the mapping of all memory. */
int kernel_load(struct guest *guest, uint64_t pfn, size_t at, void *to, size_t bytes);
int kernel_store(struct guest *guest, uint64_t pfn, size_t at, const void *from, size_t bytes);

/* Something is not as it must be: counted, and said once. */
void kernel_complain(struct guest *guest, const char *what, uint64_t number);

uint64_t kernel_random(struct guest *guest, uint64_t bound);

/* The p2m; NO_FRAME: the page is not there. */
uint64_t kernel_mfn(struct guest *guest, uint64_t pfn);
uint64_t kernel_pfn(struct guest *guest, uint64_t mfn); /* from the M2P */
void kernel_set_mfn(struct guest *guest, uint64_t pfn, uint64_t mfn);

/* The page that holds that part of the p2m. */
uint64_t kernel_leaf(struct guest *guest, uint64_t index);

enum guest_use kernel_use(struct guest *guest, uint64_t pfn);
void kernel_set_use(struct guest *guest, uint64_t pfn, enum guest_use use);

/* The first page below the end of the direct mapping that is used so, from there on and then from 0; or NO_FRAME. */
uint64_t kernel_find(struct guest *guest, enum guest_use use, uint64_t from);

/* A data page, zeroed and used otherwise from now on; NO_FRAME if there is none. */
uint64_t kernel_take(struct guest *guest, enum guest_use use);

/* Back to the data pages, with new content. */
void kernel_give(struct guest *guest, uint64_t pfn);

uint32_t kernel_version(struct guest *guest, uint64_t pfn);
void kernel_set_version(struct guest *guest, uint64_t pfn, uint32_t version);

/* Fills a data page with its next version, or checks that it has the one it must. */
void kernel_rewrite(struct guest *guest, uint64_t pfn);
void kernel_verify(struct guest *guest, uint64_t pfn);

/* A data page below the end of the direct mapping. */
uint64_t kernel_random_data_page(struct guest *guest);

#endif
