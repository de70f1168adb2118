/*
 * The guest and the calls that the tests of the rules share.
 */
#include <stdlib.h>

#include "rules.h"

struct rules rules;
bool rules_want_32bit;

int rules_setup(void **state)
{
	struct guest_options options = {
		.name = "rules",
		.mem_mib = 8,
		.vcpus = 2,
		.seed = 3,
		.p2m_is_linear = true,
		.is_32bit = rules_want_32bit,
	};

	(void)state;
	if (host_attach(&rules.host, getenv("SIMHOST")) || guest_build(&rules.host, &options, &rules.built))
		return -1;
	rules.domain = domain_find(&rules.host, rules.built.domid);
	rules.state = host_page(&rules.host, rules_mfn(0));
	rules.xch = xc_interface_open(NULL, NULL, 0);
	rules.fmem = xenforeignmemory_open(NULL, 0);
	return rules.xch && rules.fmem ? 0 : -1;
}

int rules_teardown(void **state)
{
	(void)state;
	xc_domain_destroy(rules.xch, rules.built.domid);
	xc_interface_close(rules.xch);
	xenforeignmemory_close(rules.fmem);
	host_detach(&rules.host);
	return 0;
}

int rules_domctl(struct xen_domctl *op)
{
	op->domain = rules.built.domid;
	return xc_domctl(rules.xch, op) < 0 ? -errno : 0;
}

long rules_guest_call(unsigned op, void *a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return hypercall(&rules.host, rules.built.domid, 0, op,
			 (uint64_t[CALL_ARGS]){ (uintptr_t)a0, a1, a2, a3 });
}

int rules_mmuext(unsigned cmd, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

	return xc_mmuext_op(rules.xch, &op, 1, rules.built.domid) < 0 ? -errno : 0;
}

uint64_t rules_mfn(uint64_t pfn)
{
	const uint64_t *m2p = host_m2p(&rules.host);

	for (uint64_t mfn = 0; mfn < rules.host.machine->nr_frames; mfn++)
		if (m2p[mfn] == pfn && rules.host.frames[mfn].refs &&
		    rules.host.frames[mfn].owner == rules.built.domid)
			return mfn;
	return NO_FRAME;
}

/* The guest's kernel maps all its memory; that mapping is taken away here. */
uint64_t rules_plain_page(unsigned number)
{
	uint64_t pfn = rules.state->nr_pages - 1 - number;
	uint64_t va = rules.state->direct_va + pfn * PAGE_BYTES;
	uint64_t mfn = rules_mfn(pfn);

	assert_int_equal(rules_guest_call(__HYPERVISOR_update_va_mapping, (void *)va,
					  pte_make(mfn, PTE_PRESENT), 0, 0),
			 0);
	memset(host_page(&rules.host, mfn), 0, PAGE_BYTES);
	return mfn;
}

int rules_map(uint32_t domid, int prot, uint64_t mfn, void **at)
{
	xen_pfn_t frame = mfn;
	int err = -1;

	*at = xenforeignmemory_map(rules.fmem, domid, prot, 1, &frame, &err);
	if (*at && err) {
		munmap(*at, PAGE_BYTES);
		*at = NULL;
	}
	return *at ? 0 : err;
}

uint64_t rules_counts(void)
{
	uint64_t sum = 0;

	for (uint64_t mfn = 0; mfn < rules.host.machine->nr_frames; mfn++) {
		const struct frame *frame = &rules.host.frames[mfn];

		sum = sum * 31 + frame->refs * 7 + frame->type_refs * 3 +
		      (frame->flags & (FRAME_PINNED | FRAME_ALLOCATED));
	}
	return sum;
}
