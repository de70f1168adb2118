/*
 * Grants are not carried: the table is another one afterwards, empty but for
 * the two entries that are seeded, the console's and xenstore's. They have to
 * name the right frames. The guest grants its pages anew, and Xen copies
 * through the new grants.
 */
#include "scenario.h"

enum { FIRST = 8, GRANTS = 32 };

static char window[PAGE_BYTES] PAGE_ALIGNED; /* where the table is mapped while it runs */
static uint64_t granted[GRANTS], target;
static uint16_t own_domid;

static void map_table(void)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };

	set_xen_guest_handle(setup.frame_list, &frame);
	if (grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status)
		panic("no grant table: %d", setup.status);
	mm_set_entry(&kernel_mm, (uint64_t)window, frame * PAGE_BYTES | KERNEL_WRITE);
}

static void unmap_table(void)
{
	mm_set_entry(&kernel_mm, (uint64_t)window, entry(pfn_of(window), KERNEL_WRITE));
}

static void grant_all(void)
{
	volatile grant_entry_v1_t *slot = (void *)window;

	for (unsigned int i = 0; i < GRANTS; i++) {
		slot[FIRST + i].flags = 0;
		slot[FIRST + i].domid = own_domid;
		slot[FIRST + i].frame = mfn_of(granted[i]);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		slot[FIRST + i].flags = GTF_permit_access;
	}
}

static void check_seeded(void)
{
	const volatile grant_entry_v1_t *slot = (void *)window;

	if (slot[GNTTAB_RESERVED_CONSOLE].frame != start_info->console.domU.mfn ||
	    slot[GNTTAB_RESERVED_XENSTORE].frame != start_info->store_mfn)
		wrong("seeded grants name %x and %x, should name %lx and %lx", slot[0].frame, slot[1].frame,
		      start_info->console.domU.mfn, start_info->store_mfn);
}

static bool copy_through(unsigned int i)
{
	struct gnttab_copy copy = {
		.source = { .u.ref = FIRST + i, .domid = DOMID_SELF },
		.dest = { .u.gmfn = mfn_of(target), .domid = DOMID_SELF },
		.len = PAGE_BYTES,
		.flags = GNTCOPY_source_gref,
	};

	memset(virt(target), 0, PAGE_BYTES);
	if (grant_table_op(GNTTABOP_copy, &copy, 1) || copy.status) {
		wrong("grant %u: Xen does not copy: %d", FIRST + i, copy.status);
		return false;
	}
	return pattern_check(target, granted[i], 1);
}

static enum outcome use(void)
{
	char text[8];
	unsigned int good = 0;

	store_read("domid", text, sizeof(text));
	own_domid = 0;
	for (const char *digit = text; *digit; digit++)
		own_domid = own_domid * 10 + (*digit - '0');
	map_table();
	check_seeded();
	grant_all();
	for (unsigned int i = 0; i < GRANTS; i++)
		good += copy_through(i);
	return success("domain %u, %u of %u pages copied through grants", own_domid, good, GRANTS);
}

static enum outcome grants_start(void)
{
	target = page_alloc();
	for (unsigned int i = 0; i < GRANTS; i++) {
		granted[i] = page_alloc();
		pattern_fill(granted[i], granted[i], 1);
	}
	return use();
}

SCENARIO(.name = "grants", .says = "the grant table is seeded, and works anew", .start = grants_start,
	 .check = use, .leave = unmap_table);
