/*
 * p2m/p2m.c, tail.c: max_pfn may say less than the guest has, or far more.
 */
#include "unit.h"

#include "fake/guest.h"
#include "p2m/p2m.h"
#include "xen/pte.h"

#define MOST (1ULL << 30)

static struct guest guest;
static struct p2m p2m;

static int setup(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	p2m_release(&p2m);
	guest_release(&guest);
	return 0;
}

static int find(enum p2m_form form)
{
	return p2m_find(&p2m, &(struct p2m_source){ guest.domain, guest.layout, guest.shared_info, 0, false },
			form, MOST);
}

static void set_field(size_t offset, uint64_t value)
{
	word_set(guest.layout, guest.shared_info, offset, value);
}

enum { CLAIMED = 1100, TAIL = 1300 };

/* Its max_pfn lies within its last leaf. */
static void grown(unsigned int width, bool linear)
{
	guest_make(&guest, width, TAIL);
	if (linear)
		guest_publish_linear(&guest, 0xf0000000);
	else
		guest_publish_list(&guest);
	set_field(guest.layout->shared_info.max_pfn, CLAIMED);
}

static void find_grown(unsigned int width, bool linear)
{
	grown(width, linear);
	assert_done(find(P2M_AUTO));
	assert_int_equal(p2m.count, TAIL);
	for (uint64_t pfn = 0; pfn < TAIL; pfn++)
		assert_int_equal(p2m.mfn[pfn].n, guest.mfn[pfn].n);
	assert_done(p2m_fetch_types(&p2m, guest.domain));
	assert_int_equal(p2m.type[guest.root], FRAME_PINNED | guest.layout->levels);
	assert_done(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info));
	assert_int_equal(fake_mappings(), 0);
	p2m_release(&p2m);
	guest_release(&guest);
}

static void pages_behind_max_pfn_are_found(void **state)
{
	(void)state;
	for (int linear = 0; linear < 2; linear++) {
		find_grown(8, linear);
		fake_reset();
		find_grown(4, linear);
		fake_reset();
	}
	grown(8, true);
}

/* After memory hotplug max_pfn is the first pfn of the last leaf, which is the guest's none the less. */
static void a_leaf_that_max_pfn_names_is_found(void **state)
{
	(void)state;
	for (int linear = 0; linear < 2; linear++) {
		for (unsigned int width = 4; width <= 8; width += 4) {
			grown(width, linear);
			set_field(guest.layout->shared_info.max_pfn, 1024);
			assert_done(find(P2M_AUTO));
			assert_int_equal(p2m.count, TAIL);
			assert_int_equal(p2m.leaves, width == 8 ? 3 : 2);
			assert_int_equal(p2m.mfn[1024].n, guest.mfn[1024].n);
			assert_int_equal(p2m.mfn[TAIL - 1].n, guest.mfn[TAIL - 1].n);
			assert_done(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info));
			assert_int_equal(fake_mappings(), 0);
			p2m_release(&p2m);
			guest_release(&guest);
			fake_reset();
		}
	}
	grown(8, true);
}

/* It has no page of the guest, is not there, or is another's: then max_pfn is right. */
static void a_leaf_behind_max_pfn_may_be_anything(void **state)
{
	(void)state;
	for (int what = 0; what < 4; what++) {
		grown(8, true);
		set_field(guest.layout->shared_info.max_pfn, 1024);
		for (uint64_t pfn = 1024; what == 0 && pfn < TAIL; pfn++)
			guest_set_entry(&guest, pfn, INVALID_FRAME);
		if (what == 1)
			*guest_entry(&guest, 1, 0xf0002000) = 0;
		if (what == 2)
			*guest_entry(&guest, 1, 0xf0002000) = fake_allocate(FAKE_XEN).n << PAGE_BITS |
							      PTE_PRESENT;
		if (what == 3)
			*guest_entry(&guest, 1, 0xf0002000) = 1ULL << 45 | PTE_PRESENT;
		assert_done(find(P2M_AUTO));
		assert_int_equal(p2m.count, 1024);
		assert_int_equal(p2m.leaves, 2);
		assert_null(fail_reason()[0] ? fail_reason() : NULL);
		assert_done(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info));
		p2m_release(&p2m);
		guest_release(&guest);
		fake_reset();
	}
	grown(8, true);
}

/*
 * A guest that runs moves its last leaf: its list, filled up with that leaf, names the new
 * frame and the old one, and the old one may hold any data of the guest's by now.
 */
static void a_running_guest_has_no_further_leaf(void **state)
{
	struct p2m_source source;

	(void)state;
	guest_make(&guest, 4, 2048);
	assert_int_equal(guest.leaves, 2);
	guest_publish_list(&guest);
	set_field(guest.layout->shared_info.max_pfn, 1024);
	source = (struct p2m_source){ guest.domain, guest.layout, guest.shared_info, 1024, true };
	assert_done(p2m_find(&p2m, &source, P2M_AUTO, MOST));
	assert_int_equal(p2m.leaves, 1);
	assert_int_equal(p2m.count, 1024);
	p2m_release(&p2m);
	source.is_running = false;
	assert_done(p2m_find(&p2m, &source, P2M_AUTO, MOST));
	assert_int_equal(p2m.leaves, 2);
	assert_int_equal(p2m.count, 2048);
}

/* The page's end may hold any other data: a frame counts if no pfn has it yet. */
static void other_words_behind_max_pfn_are_holes(void **state)
{
	uint64_t pfn = CLAIMED;

	(void)state;
	guest_make(&guest, 8, TAIL);
	guest_publish_linear(&guest, 0xffffc90000000000);
	set_field(guest.layout->shared_info.max_pfn, CLAIMED);
	for (; pfn < TAIL; pfn++)
		guest_set_entry(&guest, pfn, INVALID_FRAME);
	guest_set_entry(&guest, 1200, guest.mfn[7].n);
	guest_set_entry(&guest, 1201, guest.mfn[CLAIMED - 1].n);
	guest_set_entry(&guest, 1202, fake_allocate(FAKE_XEN).n);
	guest_set_entry(&guest, 1203, 0);
	guest_set_entry(&guest, 1204, 1ULL << 63 | 5);
	assert_done(find(P2M_AUTO));
	assert_int_equal(p2m.count, CLAIMED);
	p2m_release(&p2m);
	guest_set_entry(&guest, 1205, guest.mfn[1205].n);
	guest_set_entry(&guest, 1210, guest.mfn[1205].n);
	assert_done(find(P2M_AUTO));
	assert_int_equal(p2m.count, 1206);
	for (pfn = CLAIMED; pfn < 1205; pfn++)
		assert_false(mfn_is_valid(p2m.mfn[pfn]));
	assert_int_equal(p2m.mfn[1205].n, guest.mfn[1205].n);
}

/* In the rounds of a live save a page there may come and go. */
static void a_tail_does_not_shrink(void **state)
{
	struct p2m_source source;

	(void)state;
	grown(4, true);
	for (uint64_t pfn = CLAIMED; pfn < TAIL; pfn++)
		guest_set_entry(&guest, pfn, INVALID_FRAME);
	source = (struct p2m_source){ guest.domain, guest.layout, guest.shared_info, 1250, false };
	assert_done(p2m_find(&p2m, &source, P2M_AUTO, MOST));
	assert_int_equal(p2m.count, 1250);
	assert_false(mfn_is_valid(p2m.mfn[1249]));
	p2m_release(&p2m);
	source.least = 1 << 20;
	assert_done(p2m_find(&p2m, &source, P2M_AUTO, MOST));
	assert_int_equal(p2m.count, 2048);
	assert_int_equal(p2m.type[2047], FRAME_XTAB);
}

/* As Linux 3.19 to 4.2 does: the p2m announced is 512 GiB; all of its end is one page of holes. */
enum { HOTPLUG = 1 << 27, KNOWN = 40960 };

static uint64_t missing_leaf;

static void announce_hotplug(void)
{
	uint64_t many = HOTPLUG / 512;

	guest_make(&guest, 8, KNOWN);
	missing_leaf = guest_take(&guest);
	memset(guest_page(&guest, missing_leaf), 0xff, PAGE_BYTES);
	guest.leaf = realloc(guest.leaf, many * sizeof(*guest.leaf));
	for (uint64_t i = guest.leaves; i < many; i++)
		guest.leaf[i] = missing_leaf;
	guest.leaves = many;
	set_field(guest.layout->shared_info.max_pfn, HOTPLUG);
}

static int find_of(uint64_t most)
{
	struct p2m_source source = { guest.domain, guest.layout, guest.shared_info, 0, false };

	return p2m_find(&p2m, &source, P2M_AUTO, most);
}

static void pfns_for_hotplug_are_left_out(bool linear)
{
	announce_hotplug();
	if (linear)
		guest_publish_linear(&guest, 0xffffc90000000000);
	else
		guest_publish_list(&guest);
	assert_done(find_of(2 * KNOWN));
	assert_int_equal(p2m.leaves, KNOWN / 512 + 1);
	assert_int_equal(p2m.count, KNOWN + 512);
	for (uint64_t pfn = 0; pfn < KNOWN; pfn++)
		assert_int_equal(p2m.mfn[pfn].n, guest.mfn[pfn].n);
	assert_int_equal(p2m.leaf[KNOWN / 512].n, guest.mfn[missing_leaf].n);
	assert_done(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info));
	set_field(guest.layout->shared_info.max_pfn, HOTPLUG - 512);
	assert_fails(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info), EAGAIN, "changed");
	set_field(guest.layout->shared_info.max_pfn, HOTPLUG);
	p2m_release(&p2m);
	/* What is left is more than it can have. */
	assert_fails(find_of(KNOWN / 2), ERANGE, "the guest claims 134217728 pfns, it can have 1 to 20480");
	assert_null(p2m.mfn);
}

static void linear_pfns_for_hotplug_are_left_out(void **state)
{
	(void)state;
	pfns_for_hotplug_are_left_out(true);
}

static void list_pfns_for_hotplug_are_left_out(void **state)
{
	(void)state;
	pfns_for_hotplug_are_left_out(false);
}

static void more_than_for_hotplug_is_refused_at_once(void **state)
{
	(void)state;
	announce_hotplug();
	guest_publish_list(&guest);
	set_field(guest.layout->shared_info.max_pfn, HOTPLUG + 1);
	assert_fails(find_of(2 * KNOWN), ERANGE, "the guest claims 134217729 pfns");
	assert_null(p2m.leaf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(pages_behind_max_pfn_are_found),		TEST(a_leaf_that_max_pfn_names_is_found),
		TEST(a_leaf_behind_max_pfn_may_be_anything),	TEST(a_running_guest_has_no_further_leaf),
		TEST(other_words_behind_max_pfn_are_holes),	TEST(a_tail_does_not_shrink),
		TEST(linear_pfns_for_hotplug_are_left_out),	TEST(list_pfns_for_hotplug_are_left_out),
		TEST(more_than_for_hotplug_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
