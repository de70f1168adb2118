/* p2m/: whoever publishes nonsense is told so, before memory is spent on it. */
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

static void small_linear(void)
{
	guest_make(&guest, 8, 1200);
	guest_publish_linear(&guest, 0xffffc90000000000);
}

static void wrong_counts_are_refused(void **state)
{
	size_t max_pfn;

	(void)state;
	small_linear();
	max_pfn = guest.layout->shared_info.max_pfn;
	set_field(max_pfn, 0);
	assert_fails(find(P2M_AUTO), ERANGE, "the guest claims 0 pfns");
	set_field(max_pfn, MOST + 1);
	assert_fails(find(P2M_AUTO), ERANGE, "the guest claims 1073741825 pfns");
	set_field(max_pfn, UINT64_MAX);
	assert_fails(find(P2M_AUTO), ERANGE, "the guest claims");
	assert_fails(p2m_find(&p2m,
			      &(struct p2m_source){ guest.domain, guest.layout, guest.shared_info, 0, false },
			      P2M_AUTO, UINT64_MAX),
		     ERANGE, "the guest claims");
}

static void nothing_published_is_refused(void **state)
{
	(void)state;
	guest_make(&guest, 8, 600);
	assert_fails(find(P2M_AUTO), ENOENT, "does not publish a frame-list-list");
	set_field(guest.layout->shared_info.frame_list_list, INVALID_FRAME);
	assert_fails(find(P2M_AUTO), ENOENT, "does not publish a frame-list-list");
}

static void wrong_addresses_are_refused(void **state)
{
	static const uint64_t addresses[] = {
		0xffffc90000000001,			/* no page */
		0x0000900000000000,			/* not canonical */
		0xfffe800000000000, 0x00007fffffffe000, /* runs out of the lower half */
		0xfffffffffffff000,			/* runs past the end */
	};

	(void)state;
	small_linear();
	for (size_t i = 0; i < COUNT(addresses); i++) {
		set_field(guest.layout->shared_info.p2m_vaddr, addresses[i]);
		assert_fails(find(P2M_AUTO), ERANGE, "valid address range");
		p2m_release(&p2m);
	}
}

static void wrong_compat_addresses_are_refused(void **state)
{
	(void)state;
	guest_make(&guest, 4, 4000);
	guest_publish_linear(&guest, 0xf0000000);
	set_field(guest.layout->shared_info.p2m_vaddr, 0xffffe000);
	assert_fails(find(P2M_AUTO), ERANGE, "valid address range");
	p2m_release(&p2m);
	set_field(guest.layout->shared_info.p2m_vaddr, 0xf0000004);
	assert_fails(find(P2M_AUTO), ERANGE, "valid address range");
}

static void wrong_tables_are_refused(void **state)
{
	(void)state;
	small_linear();
	for (unsigned int level = 1; level <= 4; level++) {
		uint64_t *entry = guest_entry(&guest, level, 0xffffc90000000000 + PAGE_BYTES), old = *entry;
		char words[64];

		snprintf(words, sizeof(words), "the p2m's level-%u entry", level);
		*entry = 0;
		assert_fails(find(P2M_AUTO), ERANGE, words);
		p2m_release(&p2m);
		*entry = old | PTE_SUPERPAGE;
		if (level > 1)
			assert_fails(find(P2M_AUTO), ERANGE, words);
		p2m_release(&p2m);
		*entry = pte_with_frame(old, fake_allocate(FAKE_XEN).n);
		assert_fails(find(P2M_AUTO), EFAULT, "may not map");
		p2m_release(&p2m);
		*entry = old;
	}
	assert_done(find(P2M_AUTO));
}

static void foreign_root_is_refused(void **state)
{
	(void)state;
	small_linear();
	set_field(guest.layout->shared_info.p2m_cr3, 1);
	assert_true(find(P2M_AUTO) < 0);
	p2m_release(&p2m);
	set_field(guest.layout->shared_info.p2m_cr3, UINT64_MAX);
	assert_true(find(P2M_AUTO) < 0);
}

static void wrong_lists_are_refused(void **state)
{
	uint64_t *top, *first, old;

	(void)state;
	guest_make(&guest, 8, 1200);
	guest_publish_list(&guest);
	top = fake_page(
		MFN(word_get(guest.layout, guest.shared_info, guest.layout->shared_info.frame_list_list)));
	old = *top;
	first = fake_page(MFN(old));
	*top = 0;
	assert_fails(find(P2M_AUTO), ERANGE, "frame list 0 is mfn 0");
	p2m_release(&p2m);
	*top = INVALID_FRAME;
	assert_fails(find(P2M_AUTO), ERANGE, "frame list 0");
	p2m_release(&p2m);
	*top = fake_allocate(FAKE_XEN).n;
	assert_fails(find(P2M_AUTO), EFAULT, "may not map");
	p2m_release(&p2m);
	*top = old;
	first[2] = 0;
	assert_fails(find(P2M_AUTO), ERANGE, "leaf 2 is mfn 0");
	p2m_release(&p2m);
	set_field(guest.layout->shared_info.frame_list_list, 1ULL << MFN_BITS);
	assert_fails(find(P2M_AUTO), ERANGE, "frame-list-list 0");
}

static void more_pfns_than_a_list_holds_are_refused(void **state)
{
	(void)state;
	guest_make(&guest, 8, 600);
	guest_publish_list(&guest);
	set_field(guest.layout->shared_info.max_pfn, (1 << 27) + 1);
	assert_fails(find(P2M_AUTO), ERANGE, "has no room for 134217729 pfns");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(wrong_counts_are_refused),	   TEST(nothing_published_is_refused),
		TEST(wrong_addresses_are_refused), TEST(wrong_compat_addresses_are_refused),
		TEST(wrong_tables_are_refused),	   TEST(foreign_root_is_refused),
		TEST(wrong_lists_are_refused),	   TEST(more_pfns_than_a_list_holds_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
