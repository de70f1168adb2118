/*
 * State, memory map and pages of a running guest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../machine/domain.h"
#include "kernel.h"

enum { TRIES = 4096 };

int kernel_enter(struct guest *guest, struct host *host, uint16_t domid)
{
	uint64_t magic;

	memset(guest, 0, sizeof(*guest));
	guest->cpu = (struct cpu){ .host = host, .domid = domid };
	guest->state_va = cpu_get(&guest->cpu, CPU_BX);
	if (guest->cpu.gone || cpu_load(&guest->cpu, guest->state_va, &magic, 8) ||
	    magic != GUEST_MAGIC)
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
	return (x ^ (x >> 31)) % bound;
}

uint64_t kernel_mfn(struct guest *guest, uint64_t pfn)
{
	uint64_t width = guest->is_32bit ? 4 : 8, first = GET(guest, p2m), mfn = 0;

	kernel_load(guest, first + pfn * width / PAGE_BYTES, pfn * width % PAGE_BYTES, &mfn, width);
	return guest->is_32bit && mfn == ~0u ? NO_FRAME : mfn;
}

void kernel_set_mfn(struct guest *guest, uint64_t pfn, uint64_t mfn)
{
	uint64_t width = guest->is_32bit ? 4 : 8, first = GET(guest, p2m);

	kernel_store(guest, first + pfn * width / PAGE_BYTES, pfn * width % PAGE_BYTES, &mfn, width);
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

static void set_version(struct guest *guest, uint64_t pfn, uint32_t version)
{
	kernel_store(guest, GET(guest, versions) + pfn * 4 / PAGE_BYTES, pfn * 4 % PAGE_BYTES,
		     &version, sizeof(version));
}

uint32_t kernel_version(struct guest *guest, uint64_t pfn)
{
	uint32_t version = 0;

	kernel_load(guest, GET(guest, versions) + pfn * 4 / PAGE_BYTES, pfn * 4 % PAGE_BYTES,
		    &version, sizeof(version));
	return version;
}

uint64_t kernel_random_data_page(struct guest *guest)
{
	uint64_t pages = GET(guest, direct_pages);

	for (unsigned i = 0; i < TRIES && !guest->cpu.gone; i++) {
		uint64_t pfn = kernel_random(guest, pages);

		if (kernel_use(guest, pfn) == USE_DATA)
			return pfn;
	}
	return NO_FRAME;
}

uint64_t kernel_take(struct guest *guest, enum guest_use use)
{
	static const uint8_t zeroes[PAGE_BYTES];
	uint64_t pfn = kernel_random_data_page(guest);

	if (pfn == NO_FRAME)
		return NO_FRAME;
	kernel_store(guest, pfn, 0, zeroes, sizeof(zeroes));
	kernel_set_use(guest, pfn, use);
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
		set_version(guest, pfn, version);
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

/* Rewrites a list of the frames of an array, to the end of its last page. */
static void renew_list(struct guest *guest, uint64_t list, uint64_t first, uint64_t nr)
{
	uint64_t width = guest->is_32bit ? 4 : 8, per_page = PAGE_BYTES / width;
	uint64_t pages = (nr + per_page - 1) / per_page;

	for (uint64_t i = 0; i < pages * per_page; i++) {
		uint64_t mfn = kernel_mfn(guest, first + (i < nr ? i : nr - 1));

		kernel_store(guest, list + i / per_page, i % per_page * width, &mfn, width);
	}
}

static void put_shared(struct guest *guest, size_t at_64, size_t at_32, uint64_t value)
{
	cpu_store_shared(&guest->cpu, guest->is_32bit ? at_32 : at_64, &value,
			 guest->is_32bit ? 4 : 8);
}

#define PUT_SHARED(guest, field, value) \
	put_shared(guest, offsetof(struct shared_info_x86_64, arch.field), \
		   offsetof(struct shared_info_x86_32, arch.field), value)

static void announce_linear(struct guest *guest)
{
	uint64_t root = kernel_mfn(guest, GET(guest, root));

	PUT_SHARED(guest, pfn_to_mfn_frame_list_list, guest->is_32bit ? ~0u : ~0ul);
	PUT_SHARED(guest, p2m_vaddr, GET(guest, p2m_va));
	PUT_SHARED(guest, p2m_cr3, guest->is_32bit ? (uint32_t)(root << 12 | root >> 20) :
		   root << 12);
}

static void announce_lists(struct guest *guest)
{
	uint64_t per_page = PAGE_BYTES / (guest->is_32bit ? 4 : 8);
	uint64_t pages = GET(guest, p2m_pages), top = GET(guest, p2m_top);
	uint64_t middle_pages = (pages + per_page - 1) / per_page;

	renew_list(guest, top - middle_pages, GET(guest, p2m), pages);
	renew_list(guest, top, top - middle_pages, middle_pages);
	PUT_SHARED(guest, pfn_to_mfn_frame_list_list, kernel_mfn(guest, top));
	PUT_SHARED(guest, p2m_vaddr, 0);
	PUT_SHARED(guest, p2m_cr3, 0);
}

void kernel_announce_p2m(struct guest *guest)
{
	PUT_SHARED(guest, max_pfn, guest->nr_pages);
	PUT_SHARED(guest, p2m_generation, GET(guest, generation));
	if (GET(guest, p2m_is_linear))
		announce_linear(guest);
	else
		announce_lists(guest);
}
