/*
 * p2m/p2m.c, find-linear.c, find-list-list.c: what a guest publishes is found
 * whole, and noticed when it changes.
 *
 * Upstream's save lost the end of a linear p2m that did not begin at a
 * multiple of 1 GiB; here it begins anywhere.
 */
#include "unit.h"

#include "fake/guest.h"
#include "p2m/find.h"
#include "p2m/p2m.h"
#include "xen/pte.h"

enum { MANY = 700000 };
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

static void check_all(enum p2m_form form)
{
	assert_done(find(P2M_AUTO));
	assert_int_equal(p2m.form, form);
	assert_int_equal(p2m.count, guest.count);
	assert_int_equal(p2m.leaves, guest.leaves);
	for (uint64_t i = 0; i < p2m.leaves; i++)
		assert_int_equal(p2m.leaf[i].n, guest.mfn[guest.leaf[i]].n);
	for (uint64_t pfn = 0; pfn < p2m.count; pfn++)
		if (p2m.mfn[pfn].n != guest.mfn[pfn].n)
			fail_test("pfn %#lx: mfn %#lx, not %#lx", pfn, p2m.mfn[pfn].n, guest.mfn[pfn].n);
	assert_done(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info));
	assert_int_equal(fake_mappings(), 0);
}

static void linear(unsigned int width, uint64_t pfns, uint64_t address)
{
	guest_make(&guest, width, pfns);
	guest_publish_linear(&guest, address);
	check_all(P2M_LINEAR);
}

static unsigned int maps;

static void count_maps(void)
{
	maps++;
}

/* While the guest is at it its p2m is not read at all. */
static void p2m_at_an_odd_generation_is_not_read(void **state)
{
	(void)state;
	guest_make(&guest, 8, 1000);
	guest_publish_linear(&guest, 0xffffc90000000000);
	set_field(guest.layout->shared_info.p2m_generation, 3);
	fake_on_map = count_maps;
	maps = 0;
	assert_fails(find(P2M_AUTO), EAGAIN, "generation 3");
	assert_int_equal(maps, 0);
}

static void linear_is_found(void **state)
{
	(void)state;
	linear(8, 1000, 0xffffc90000000000);
}

static void linear_is_found_at_any_page(void **state)
{
	(void)state;
	linear(8, MANY, 0xffffc90012345000);
}

static void linear_is_found_across_l2_and_l3_slots(void **state)
{
	(void)state;
	linear(8, MANY, 0xffffc9003ff00000);
}

static void linear_is_found_across_l4_slots(void **state)
{
	(void)state;
	linear(8, MANY, 0xffffc97fffe01000);
}

static void linear_is_found_up_to_the_last_address(void **state)
{
	(void)state;
	linear(8, 1000, 0xffffffffffffd000);
}

static void linear_is_found_in_the_lower_half(void **state)
{
	(void)state;
	linear(8, 1000, 0x00007fff3ffff000);
}

static void compat_linear_is_found(void **state)
{
	(void)state;
	linear(4, 3000, 0xf0000000);
}

static void compat_linear_is_found_across_l3_slots(void **state)
{
	(void)state;
	linear(4, MANY, 0xbfe05000);
}

static void list(unsigned int width, uint64_t pfns)
{
	guest_make(&guest, width, pfns);
	guest_publish_list(&guest);
	check_all(P2M_LIST);
}

static void list_is_found(void **state)
{
	(void)state;
	list(8, 1000);
}

static void list_of_several_pages_is_found(void **state)
{
	(void)state;
	list(8, MANY);
}

static void compat_list_is_found(void **state)
{
	(void)state;
	list(4, MANY);
}

static void form_can_be_chosen(void **state)
{
	(void)state;
	guest_make(&guest, 8, 600);
	guest_publish_list(&guest);
	assert_fails(find(P2M_LINEAR), ENOENT, "does not publish a linear p2m");
	guest_publish_linear(&guest, 0xffffc90000000000);
	assert_done(find(P2M_AUTO));
	assert_int_equal(p2m.form, P2M_LINEAR);
	p2m_release(&p2m);
	assert_done(find(P2M_LIST));
	assert_int_equal(p2m.form, P2M_LIST);
	assert_string_equal(p2m_form_name(p2m.form), "list");
	assert_string_equal(p2m_form_name(P2M_LINEAR), "linear");
}

/* --- entries ------------------------------------------------------------- */

static void marks(unsigned int width)
{
	uint64_t foreign = 1ULL << (width * 8 - 1), identity = 1ULL << (width * 8 - 2);

	guest_make(&guest, width, 3000);
	guest_publish_linear(&guest, 0xf0000000);
	guest_set_entry(&guest, 5, INVALID_FRAME);
	guest_set_entry(&guest, 6, foreign | 0x1234);
	guest_set_entry(&guest, 7, identity | 7);
	if (width == 8)
		guest_set_entry(&guest, 8, 1ULL << MFN_BITS);
	assert_done(find(P2M_AUTO));
	assert_int_equal(p2m.mfn[4].n, guest.mfn[4].n);
	for (int pfn = 5; pfn < 8; pfn++)
		assert_false(mfn_is_valid(p2m.mfn[pfn]));
	assert_int_equal(mfn_is_valid(p2m.mfn[8]), width == 4);
}

static void marked_entries_are_holes(void **state)
{
	(void)state;
	marks(8);
}

static void compat_marked_entries_are_holes(void **state)
{
	(void)state;
	marks(4);
}

static void types_are_fetched(void **state)
{
	(void)state;
	guest_make(&guest, 8, 3000);
	guest_publish_linear(&guest, 0xffffc90000000000);
	guest_set_type(&guest, 10, FRAME_XTAB);
	guest_set_type(&guest, 11, FRAME_L1);
	guest_set_entry(&guest, 12, fake_allocate(FAKE_XEN).n);
	guest_set_type(&guest, 13, FRAME_BROKEN);
	assert_done(find(P2M_AUTO));
	assert_done(p2m_fetch_types(&p2m, guest.domain));
	assert_int_equal(p2m.type[9], FRAME_NOTAB);
	assert_int_equal(p2m.type[10], FRAME_XTAB);
	assert_int_equal(p2m.type[11], FRAME_L1);
	assert_int_equal(p2m.type[12], FRAME_XTAB);
	assert_false(mfn_is_valid(p2m.mfn[12]));
	assert_int_equal(p2m.type[13], FRAME_BROKEN);
	assert_false(mfn_is_valid(p2m.mfn[13]));
	assert_int_equal(p2m.type[guest.root], FRAME_L4 | FRAME_PINNED);
	assert_int_equal(p2m.type[2999], fake_frame(guest.mfn[2999])->type);
	guest_set_type(&guest, 2000, 0x6);
	assert_fails(p2m_fetch_types(&p2m, guest.domain), EPROTO, "pfn 0x7d0: Xen names type 0x6");
}

/* --- while it changes ---------------------------------------------------- */

static void small_linear(void)
{
	guest_make(&guest, 8, 1200);
	guest_publish_linear(&guest, 0xffffc90000000000);
}

static int bumps_left;

static void bump(void)
{
	size_t at = guest.layout->shared_info.p2m_generation;

	if (bumps_left-- > 0) {
		uint64_t generation = word_get(guest.layout, guest.shared_info, at);

		/* On each look the guest has changed an entry meanwhile. */
		guest_set_entry(&guest, 3, bumps_left ? INVALID_FRAME : guest.mfn[3].n);
		set_field(at, generation + 2);
	}
}

static void change_is_noticed_and_read_again(void **state)
{
	(void)state;
	small_linear();
	guest_set_entry(&guest, 3, INVALID_FRAME);
	bumps_left = 7;
	fake_on_map = bump;
	check_all(P2M_LINEAR);
	assert_string_equal(fail_reason(), "");
}

static void endless_change_is_refused(void **state)
{
	(void)state;
	small_linear();
	bumps_left = INT32_MAX;
	fake_on_map = bump;
	assert_fails(find(P2M_AUTO), EAGAIN, "keeps changing");
	p2m_release(&p2m);
	fake_on_map = NULL;
	set_field(guest.layout->shared_info.p2m_generation, 3);
	assert_fails(find(P2M_AUTO), EAGAIN, "keeps changing");
}

static void later_change_is_noticed(void **state)
{
	const struct shared_info_layout *at;
	uint64_t *entry, old;

	(void)state;
	small_linear();
	at = &guest.layout->shared_info;
	assert_done(find(P2M_AUTO));
	set_field(at->p2m_generation, 4);
	assert_fails(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info), EAGAIN, "changed");
	set_field(at->p2m_generation, 2);
	set_field(at->max_pfn, 1100);
	assert_fails(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info), EAGAIN, "changed");
	set_field(at->max_pfn, 1200);
	entry = guest_entry(&guest, 1, 0xffffc90000000000);
	old = *entry;
	*entry = pte_with_frame(old, guest.mfn[0].n);
	assert_fails(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info), EAGAIN, "moved");
	*entry = old;
	assert_done(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info));
}

static void later_change_of_a_list_is_noticed(void **state)
{
	uint64_t *top, *first;

	(void)state;
	guest_make(&guest, 8, 1200);
	guest_publish_list(&guest);
	assert_done(find(P2M_AUTO));
	top = fake_page(
		MFN(word_get(guest.layout, guest.shared_info, guest.layout->shared_info.frame_list_list)));
	first = fake_page(MFN(*top));
	first[1] = guest.mfn[0].n;
	assert_fails(p2m_check_unmoved(&p2m, guest.domain, guest.shared_info), EAGAIN, "moved");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(p2m_at_an_odd_generation_is_not_read),
		TEST(linear_is_found),
		TEST(linear_is_found_at_any_page),
		TEST(linear_is_found_across_l2_and_l3_slots),
		TEST(linear_is_found_across_l4_slots),
		TEST(linear_is_found_up_to_the_last_address),
		TEST(linear_is_found_in_the_lower_half),
		TEST(compat_linear_is_found),
		TEST(compat_linear_is_found_across_l3_slots),
		TEST(list_is_found),
		TEST(list_of_several_pages_is_found),
		TEST(compat_list_is_found),
		TEST(form_can_be_chosen),
		TEST(marked_entries_are_holes),
		TEST(compat_marked_entries_are_holes),
		TEST(types_are_fetched),
		TEST(change_is_noticed_and_read_again),
		TEST(endless_change_is_refused),
		TEST(later_change_is_noticed),
		TEST(later_change_of_a_list_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
