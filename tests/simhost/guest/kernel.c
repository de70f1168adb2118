/*
 * State, memory map and pages of a running guest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../machine/domain.h"
#include "kernel.h"

enum { TRIES = 16 };

int kernel_enter(struct guest *guest, struct host *host, uint16_t domid)
{
	uint64_t magic;

	memset(guest, 0, sizeof(*guest));
	if (!cpu_runs(host, domid))
		return -ESRCH;
	guest->cpu = (struct cpu){ .host = host, .domid = domid };
	guest->state_va = cpu_get(&guest->cpu, CPU_BX);
	if (guest->cpu.gone || cpu_load(&guest->cpu, guest->state_va, &magic, 8) || magic != GUEST_MAGIC)
		return -ESRCH;
	guest->is_32bit = GET(guest, is_32bit);
	guest->direct_va = GET(guest, direct_va);
	guest->nr_pages = GET(guest, nr_pages);
	return guest->cpu.gone ? -ESRCH : 0;
}

uint64_t kernel_get(struct guest *guest, size_t field)
{
	uint64_t value = 0;

	cpu_load(&guest->cpu, guest->state_va + field, &value, sizeof(value));
	return value;
}

void kernel_put(struct guest *guest, size_t field, uint64_t value)
{
	cpu_store(&guest->cpu, guest->state_va + field, &value, sizeof(value));
}

int kernel_load(struct guest *guest, uint64_t pfn, size_t at, void *to, size_t bytes)
{
	int err = cpu_load(&guest->cpu, guest->direct_va + pfn * PAGE_BYTES + at, to, bytes);

	if (err == -EFAULT)
		kernel_complain(guest, "cannot read pfn", pfn);
	return err;
}

int kernel_store(struct guest *guest, uint64_t pfn, size_t at, const void *from, size_t bytes)
{
	int err = cpu_store(&guest->cpu, guest->direct_va + pfn * PAGE_BYTES + at, from, bytes);

	if (err == -EFAULT)
		kernel_complain(guest, "cannot write pfn", pfn);
	return err;
}

void kernel_complain(struct guest *guest, const char *what, uint64_t number)
{
	uint64_t before = GET(guest, complaints);

	if (guest->cpu.gone)
		return;
	if (!before)
		fprintf(stderr, "simhost: guest %u: %s %#lx\n", guest->cpu.domid, what, number);
	PUT(guest, complaints, before + 1);
}

uint64_t kernel_random(struct guest *guest, uint64_t bound)
{
	uint64_t x = GET(guest, random) + 0x9e3779b97f4a7c15ul;

	PUT(guest, random, x);
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ul;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebul;
	return bound ? (x ^ (x >> 31)) % bound : 0; /* of a guest that is gone everything is 0 */
}

static uint64_t width(const struct guest *guest)
{
	return guest->is_32bit ? 4 : 8;
}

uint64_t kernel_leaf(struct guest *guest, uint64_t index)
{
	uint64_t pfn = 0;

	kernel_load(guest, GET(guest, leaves) + index * 8 / PAGE_BYTES, index * 8 % PAGE_BYTES, &pfn,
		    sizeof(pfn));
	return pfn;
}

uint64_t kernel_mfn(struct guest *guest, uint64_t pfn)
{
	uint64_t at = pfn * width(guest), mfn = 0;

	kernel_load(guest, kernel_leaf(guest, at / PAGE_BYTES), at % PAGE_BYTES, &mfn, width(guest));
	return guest->is_32bit && mfn == ~0u ? NO_FRAME : mfn;
}

uint64_t kernel_pfn(struct guest *guest, uint64_t mfn)
{
	return cpu_pfn(&guest->cpu, mfn);
}

void kernel_set_mfn(struct guest *guest, uint64_t pfn, uint64_t mfn)
{
	uint64_t at = pfn * width(guest);

	kernel_store(guest, kernel_leaf(guest, at / PAGE_BYTES), at % PAGE_BYTES, &mfn, width(guest));
}

enum guest_use kernel_use(struct guest *guest, uint64_t pfn)
{
	uint8_t use = USE_KERNEL;

	kernel_load(guest, GET(guest, map) + pfn / PAGE_BYTES, pfn % PAGE_BYTES, &use, 1);
	return use;
}

void kernel_set_use(struct guest *guest, uint64_t pfn, enum guest_use use)
{
	uint8_t byte = use;

	kernel_store(guest, GET(guest, map) + pfn / PAGE_BYTES, pfn % PAGE_BYTES, &byte, 1);
}

void kernel_set_version(struct guest *guest, uint64_t pfn, uint32_t version)
{
	kernel_store(guest, GET(guest, versions) + pfn * 4 / PAGE_BYTES, pfn * 4 % PAGE_BYTES, &version,
		     sizeof(version));
}

uint32_t kernel_version(struct guest *guest, uint64_t pfn)
{
	uint32_t version = 0;

	kernel_load(guest, GET(guest, versions) + pfn * 4 / PAGE_BYTES, pfn * 4 % PAGE_BYTES, &version,
		    sizeof(version));
	return version;
}

/* A page of the map at a time: byte by byte a guest that has none of them would do little else than look. */
uint64_t kernel_find(struct guest *guest, enum guest_use use, uint64_t from)
{
	uint64_t pages = GET(guest, direct_pages), map = GET(guest, map), room;
	uint8_t uses[PAGE_BYTES];

	for (uint64_t seen = 0; seen < pages; seen += room) {
		uint64_t pfn = (from + seen) % pages;
		const uint8_t *found;

		room = PAGE_BYTES - pfn % PAGE_BYTES;
		room = room < pages - pfn ? room : pages - pfn;
		if (kernel_load(guest, map + pfn / PAGE_BYTES, pfn % PAGE_BYTES, uses, room))
			return NO_FRAME;
		found = memchr(uses, use, room);
		if (found)
			return pfn + (uint64_t)(found - uses);
	}
	return NO_FRAME;
}

uint64_t kernel_random_data_page(struct guest *guest)
{
	uint64_t pages = GET(guest, direct_pages);

	for (unsigned i = 0; i < TRIES && !guest->cpu.gone; i++) {
		uint64_t pfn = kernel_random(guest, pages);

		if (kernel_use(guest, pfn) == USE_DATA)
			return pfn;
	}
	return kernel_find(guest, USE_DATA, kernel_random(guest, pages));
}

uint64_t kernel_take(struct guest *guest, enum guest_use use)
{
	static const uint8_t zeroes[PAGE_BYTES];
	uint64_t pfn = kernel_random_data_page(guest);

	if (pfn == NO_FRAME)
		return NO_FRAME;
	kernel_set_use(guest, pfn, use);
	kernel_store(guest, pfn, 0, zeroes, sizeof(zeroes));
	return pfn;
}

void kernel_give(struct guest *guest, uint64_t pfn)
{
	kernel_rewrite(guest, pfn);
	kernel_set_use(guest, pfn, USE_DATA);
}

void kernel_rewrite(struct guest *guest, uint64_t pfn)
{
	uint32_t version = kernel_version(guest, pfn) + 1;
	uint8_t page[PAGE_BYTES];

	stamp_page(page, GET(guest, seed), pfn, version);
	if (!kernel_store(guest, pfn, 0, page, sizeof(page)))
		kernel_set_version(guest, pfn, version);
}

void kernel_verify(struct guest *guest, uint64_t pfn)
{
	uint8_t page[PAGE_BYTES], wanted[PAGE_BYTES];

	if (kernel_load(guest, pfn, 0, page, sizeof(page)))
		return;
	stamp_page(wanted, GET(guest, seed), pfn, kernel_version(guest, pfn));
	if (memcmp(page, wanted, sizeof(page)))
		kernel_complain(guest, "wrong content of pfn", pfn);
}
