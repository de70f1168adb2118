/*
 * The steps of building, from an empty domain to one that only has to be unpaused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../calls/call.h"
#include "../machine/domain.h"
#include "../machine/flask.h"
#include "../machine/frames.h"
#include "build.h"

enum { MIB_PAGES = 256, SPARE_KIB = 1024, SUPERPAGE = 512 };

void *build_page(struct build *build, uint64_t pfn)
{
	return host_page(build->host, build->p2m[pfn]);
}

uint64_t build_take(struct build *build, uint64_t pages, enum guest_use use)
{
	uint64_t first;

	for (;;) { /* arrays of the guest's are in a row, without holes */
		uint64_t n = 0;

		first = build->next_pfn;
		while (n < pages && build->p2m[first + n] != NO_FRAME)
			n++;
		if (n == pages)
			break;
		build->next_pfn = first + n + 1;
	}
	for (uint64_t i = 0; i < pages; i++) {
		build->uses[first + i] = use;
		memset(build_page(build, first + i), 0, PAGE_BYTES);
	}
	build->next_pfn = first + pages;
	return first;
}

static long domctl(struct build *build, struct xen_domctl *op)
{
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	if (op->cmd != XEN_DOMCTL_createdomain)
		op->domain = build->built->domid;
	return hypercall(build->host, 0, 0, __HYPERVISOR_domctl, (uint64_t[CALL_ARGS]){ (uintptr_t)op });
}

static int create(struct build *build)
{
	const struct guest_options *options = build->options;
	struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain, .u.createdomain.ssidref = FLASK_SID_DOMU };
	long err = options->label ? flask_find(build->host, options->label, &op.u.createdomain.ssidref) : 0;

	if (err)
		return err;
	op.u.createdomain.max_vcpus = options->vcpus;
	op.u.createdomain.max_evtchn_port = PORTS_MAX - 1;
	op.u.createdomain.max_grant_frames = -1;
	op.u.createdomain.max_maptrack_frames = -1;
	op.u.createdomain.grant_opts = 1;
	memcpy(op.u.createdomain.handle, &options->seed, sizeof(options->seed));
	memcpy(op.u.createdomain.handle + 8, options->name, 8);
	err = domctl(build, &op);
	if (err)
		return err;
	build->built->domid = op.domain;
	build->domain = domain_find(build->host, op.domain);
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_max_vcpus };
	op.u.max_vcpus.max = options->vcpus;
	err = domctl(build, &op);
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_max_mem };
	op.u.max_mem.max_memkb = options->mem_mib * 1024 + SPARE_KIB;
	err = err ? err : domctl(build, &op);
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_set_address_size };
	op.u.address_size.size = options->is_32bit ? 32 : 64;
	return err ? err : domctl(build, &op);
}

static long populate(struct build *build, uint64_t *extents, uint64_t nr, unsigned order)
{
	struct xen_memory_reservation op = {
		.nr_extents = nr,
		.extent_order = order,
		.domid = build->built->domid,
	};

	op.extent_start.p = (xen_pfn_t *)extents;
	return hypercall(build->host, 0, 0, __HYPERVISOR_memory_op,
			 (uint64_t[CALL_ARGS]){ XENMEM_populate_physmap, (uintptr_t)&op });
}

static int populate_2m(struct build *build, uint64_t pfn)
{
	uint64_t extent = pfn;

	if (build->host->machine->scatter || build->options->holes || pfn + SUPERPAGE > build->nr_pages ||
	    populate(build, &extent, 1, 9) != 1)
		return -ENOMEM;
	for (uint64_t i = 0; i < SUPERPAGE; i++)
		build->p2m[pfn + i] = extent + i;
	return 0;
}

static bool is_hole(const struct build *build, uint64_t pfn)
{
	unsigned holes = build->options->holes;

	return holes && pfn > 16 && (pfn * 2654435761u >> 7) % holes == 0;
}

static int populate_single(struct build *build, uint64_t pfn)
{
	for (uint64_t i = pfn; i < pfn + SUPERPAGE && i < build->nr_pages; i++) {
		uint64_t extent = i;

		if (is_hole(build, i)) {
			build->p2m[i] = NO_FRAME;
			build->uses[i] = USE_BALLOONED;
			continue;
		}
		if (populate(build, &extent, 1, 0) != 1)
			return -ENOMEM;
		build->p2m[i] = extent;
	}
	return 0;
}

static int populate_all(struct build *build)
{
	int err = 0;

	for (uint64_t pfn = 0; pfn < build->nr_pages && !err; pfn += SUPERPAGE)
		if (populate_2m(build, pfn))
			err = populate_single(build, pfn);
	return err;
}

static void lay_out_state(struct build *build)
{
	const struct guest_options *options = build->options;
	struct guest_state *state = build_page(build, build_take(build, 1, USE_KERNEL));
	uint64_t nr = build->nr_pages;

	build->state = state;
	state->magic = GUEST_MAGIC;
	state->seed = options->seed;
	state->random = options->seed;
	state->is_32bit = options->is_32bit;
	state->workload = options->workload;
	state->rate = options->rate;
	state->keeps_foreign = options->keeps_foreign;
	state->unannounced = options->unannounced;
	state->nr_vcpus = options->vcpus;
	state->nr_pages = nr;
	state->direct_pages = options->is_32bit && nr > DIRECT_PAGES_32 ? DIRECT_PAGES_32 : nr;
	state->direct_va = options->is_32bit ? DIRECT_VA_32 : DIRECT_VA_64;
	state->p2m_va = options->is_32bit ? P2M_VA_32 : P2M_VA_64;
	state->p2m_is_linear = options->p2m_is_linear;
	state->start_info = build_take(build, 1, USE_KERNEL);
	state->store = build_take(build, 1, USE_KERNEL);
	state->console = build_take(build, 1, USE_KERNEL);
	state->gdt = build_take(build, options->vcpus, USE_KERNEL);
	state->map = build_take(build, (nr + PAGE_BYTES - 1) / PAGE_BYTES, USE_KERNEL);
	state->versions = build_take(build, (nr + PAGE_BYTES / 4 - 1) / (PAGE_BYTES / 4), USE_KERNEL);
}

static void stamp_all(struct build *build)
{
	uint32_t *versions;

	for (uint64_t pfn = build->next_pfn; pfn < build->nr_pages; pfn++) {
		uint32_t version = pfn % 8 != 0;

		if (build->p2m[pfn] == NO_FRAME) {
			build->state->ballooned++;
			continue;
		}
		build->uses[pfn] = USE_DATA;
		stamp_page(build_page(build, pfn), build->options->seed, pfn, version);
		versions = build_page(build, build->state->versions + pfn * 4 / PAGE_BYTES);
		versions[pfn % (PAGE_BYTES / 4)] = version;
	}
	for (uint64_t pfn = 0; pfn < build->nr_pages; pfn++) {
		uint8_t *map = build_page(build, build->state->map + pfn / PAGE_BYTES);

		map[pfn % PAGE_BYTES] = build->uses[pfn];
	}
}

static int open_ports(struct build *build)
{
	int store, console;

	host_lock(build->host);
	store = domain_find(build->host, 0) ? 0 : -ESRCH;
	host_unlock(build->host);
	for (unsigned i = 0; i < 2 && !store; i++) {
		struct evtchn_alloc_unbound op = { .dom = build->built->domid, .remote_dom = 0 };

		console = hypercall(build->host, 0, 0, __HYPERVISOR_event_channel_op,
				    (uint64_t[CALL_ARGS]){ EVTCHNOP_alloc_unbound, (uintptr_t)&op });
		if (console)
			return console;
		*(i ? &build->built->console_port : &build->built->store_port) = op.port;
	}
	return store;
}

static void write_start_info_64(struct build *build, struct start_info_x86_64 *info)
{
	strcpy(info->magic, "xen-3.0-x86_64");
	info->nr_pages = build->nr_pages;
	info->shared_info = build->domain->shared_info * PAGE_BYTES;
	info->flags = SIF_VIRT_P2M_4TOOLS;
	info->store_mfn = build->built->store_mfn;
	info->store_evtchn = build->built->store_port;
	info->console.domU.mfn = build->built->console_mfn;
	info->console.domU.evtchn = build->built->console_port;
}

static void write_start_info_32(struct build *build, struct start_info_x86_32 *info)
{
	strcpy(info->magic, "xen-3.0-x86_32p");
	info->nr_pages = build->nr_pages;
	info->shared_info = build->domain->shared_info * PAGE_BYTES;
	info->flags = SIF_VIRT_P2M_4TOOLS;
	info->store_mfn = build->built->store_mfn;
	info->store_evtchn = build->built->store_port;
	info->console.domU.mfn = build->built->console_mfn;
	info->console.domU.evtchn = build->built->console_port;
}

static void seed_grants(struct build *build)
{
	grant_entry_v1_t *entries = host_page(build->host, build->domain->grant_frames[0]);

	entries[GNTTAB_RESERVED_CONSOLE] = (grant_entry_v1_t){
		.flags = GTF_permit_access,
		.frame = build->built->console_mfn,
	};
	entries[GNTTAB_RESERVED_XENSTORE] = (grant_entry_v1_t){
		.flags = GTF_permit_access,
		.frame = build->built->store_mfn,
	};
}

static void write_start_info(struct build *build)
{
	void *page = build_page(build, build->state->start_info);

	build->built->store_mfn = build->p2m[build->state->store];
	build->built->console_mfn = build->p2m[build->state->console];
	if (build->options->is_32bit)
		write_start_info_32(build, page);
	else
		write_start_info_64(build, page);
	seed_grants(build);
}

static int furnish(struct build *build)
{
	int err = create(build);

	err = err ? err : populate_all(build);
	err = err ? err : open_ports(build);
	if (err)
		return err;
	lay_out_state(build);
	write_start_info(build);
	build_p2m(build);
	build_tables(build);
	stamp_all(build);
	err = build_vcpus(build);
	return err;
}

int guest_build(struct host *host, const struct guest_options *options, struct built *built)
{
	struct build build = {
		.host = host,
		.options = options,
		.built = built,
		.nr_pages = options->mem_mib * MIB_PAGES,
	};
	int err = -ENOMEM;

	memset(built, 0, sizeof(*built));
	build.p2m = calloc(build.nr_pages + SUPERPAGE, sizeof(*build.p2m));
	build.uses = calloc(build.nr_pages + SUPERPAGE, 1);
	if (build.p2m && build.uses)
		err = furnish(&build);
	if (err && build.domain) {
		host_lock(host);
		domain_destroy(host, build.domain);
		host_unlock(host);
	}
	free(build.p2m);
	free(build.uses);
	return err;
}
