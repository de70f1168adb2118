/* What restore --prove finds in a domain that was built: the sound one passes, each kind of difference is named. */
#include "unit.h"

#include "fake/ferry.h"
#include "log.h"
#include "machine/machine.h"
#include "restore/prove.h"

static struct proof_wish wish;

static int setup(void **state)
{
	(void)state;
	ferry_open();
	assert_done(proof_wish_init(&wish, NULL));
	ferry.prove = &wish;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ferry_close();
	return 0;
}

static struct restoration *make(unsigned int width, enum p2m_form form)
{
	ferry_make(width, form, 3000);
	assert_done(ferry_save(1));
	assert_done(ferry_restore("web1-copy"));
	return &ferry.restoration;
}

static void what_was_built_is_what_came(void **state)
{
	(void)state;
	for (unsigned int width = 4; width <= 8; width += 4)
		for (enum p2m_form form = P2M_LINEAR; form <= P2M_LIST; form++) {
			const struct restoration *r = make(width, form);

			/* Start info, two rings and the leaves are held against rules. */
			assert_int_equal(r->proven, r->frames - 3 - r->incoming.leaves);
			ferry_release();
			guest_release(&ferry.guest);
		}
}

static uint8_t *page_of(struct restoration *r, uint64_t pfn)
{
	return fake_page(r->mfn[pfn]);
}

static uint64_t find_type(const struct restoration *r, unsigned int type, uint64_t pfn)
{
	while (r->incoming.type[pfn] != type)
		pfn++;
	return pfn;
}

static void a_page_that_changed_is_named(void **state)
{
	struct restoration *r = make(8, P2M_LINEAR);

	(void)state;
	page_of(r, 7)[4095] ^= 1;
	assert_fails(prove_domain(r), EUCLEAN, "pages differ at pfns 0x7 (1 in all)");
	fail_forget();
	for (uint64_t pfn = 8; pfn < 40; pfn += pfn < 10 ? 1 : 5)
		page_of(r, pfn)[0] ^= 1;
	assert_fails(prove_domain(r), EUCLEAN,
		     "pages differ at pfns 0x7 to 0xa, 0xf, 0x14, 0x19, ... (9 in all)");
}

static void two_pages_that_changed_places_are_named(void **state)
{
	struct restoration *r = make(8, P2M_LINEAR);
	mfn_t one = r->mfn[20];

	(void)state;
	r->mfn[20] = r->mfn[21];
	r->mfn[21] = one;
	assert_fails(prove_domain(r), EUCLEAN, "p2m entries differ at pfns 0x14 to 0x15 (2 in all)");
}

static void a_frame_that_is_not_the_domains_is_named(void **state)
{
	struct restoration *r = make(8, P2M_LINEAR);

	(void)state;
	fake_frame(r->mfn[30])->owner = FAKE_XEN;
	assert_fails(prove_domain(r), EUCLEAN, "types differ at pfns 0x1e (1 in all)");
	fake_frame(r->mfn[30])->owner = r->domain->id;
}

static void a_pin_that_is_gone_is_named(void **state)
{
	struct restoration *r = make(8, P2M_LINEAR);
	struct fake_frame *frame = fake_frame(r->mfn[find_type(r, FRAME_L4 | FRAME_PINNED, 0)]);

	(void)state;
	frame->type = FRAME_L4;
	assert_fails(prove_domain(r), EUCLEAN, "types differ at pfns");
}

/* A table that Xen does not count as one, below no pin, is held against the image all the same. */
static void a_table_entry_that_changed_is_named(void **state)
{
	struct restoration *r = make(4, P2M_LIST);
	uint64_t pfn = find_type(r, FRAME_L1, 0);
	uint64_t *entry = (uint64_t *)page_of(r, pfn);

	(void)state;
	while (!(*entry & PTE_PRESENT))
		entry++;
	*entry ^= 1 << 9;
	assert_fails(prove_domain(r), EUCLEAN, "pages differ at pfns");
	fail_forget();
	*entry = (uint64_t)fake_allocate(FAKE_XEN).n << PAGE_BITS | PTE_PRESENT;
	assert_fails(prove_domain(r), EUCLEAN, "pages differ at pfns");
}

static void vcpus_that_differ_are_named(void **state)
{
	struct restoration *r = make(8, P2M_LINEAR);
	const struct layout *layout = r->incoming.machine.layout;
	uint8_t *context = r->domain->vcpus[0].state[VCPU_BASIC];

	(void)state;
	context[layout->vcpu.registers] ^= 1;
	assert_fails(prove_domain(r), EUCLEAN, "vcpu 0 has other registers");
	fail_forget();
	context[layout->vcpu.registers] ^= 1;
	word_set(layout, context, layout->vcpu.gdt_entries, 0);
	assert_fails(prove_domain(r), EUCLEAN, "vcpu 0 has another GDT");
	fail_forget();
	r->domain->vcpus[1].is_online = false;
	r->domain->vcpus[2].is_online = false;
	assert_int_equal(prove_domain(r), -EUCLEAN);
}

static void start_info_and_shared_info_are_held_against_rules(void **state)
{
	struct restoration *r = make(8, P2M_LINEAR);
	const struct layout *layout = r->incoming.machine.layout;
	uint8_t *page = page_of(r, vcpus_start_info(&r->incoming.machine).n);

	(void)state;
	page[layout->start_info.store_port] ^= 1;
	assert_fails(prove_domain(r), EUCLEAN, "start info has another xenstore page or port");
	fail_forget();
	page[layout->start_info.store_port] ^= 1;
	((uint8_t *)fake_page(r->domain->shared_info))[layout->shared_info.max_pfn] ^= 1;
	assert_fails(prove_domain(r), EUCLEAN, "its shared info differs");
}

static void the_root_of_the_index_is_held_against_all(void **state)
{
	struct restoration *r = make(8, P2M_LINEAR);
	struct memory_state memory = { r->incoming.count, r->incoming.type, r->digest };

	(void)state;
	wish.has_root = true;
	assert_done(memory_root(&memory, wish.key, &wish.root));
	assert_done(prove_domain(r));
	wish.root.high ^= 1;
	assert_fails(prove_domain(r), EUCLEAN, "they are not what the index of the image says");
}

/* As it is where restore fails at its last stage. */
static void a_domain_that_is_not_proven_is_not_left(void **state)
{
	struct restoration *r = &ferry.restoration;
	unsigned int domains;

	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	assert_done(ferry_save(1));
	domains = fake_domains();
	wish.has_root = true;
	assert_fails(ferry_restore("web1-copy"), EUCLEAN, "not what the index of the image says");
	assert_int_equal(fake_domains(), domains);
	assert_false(r->is_left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_built_is_what_came, setup, teardown),
		cmocka_unit_test_setup_teardown(a_page_that_changed_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(two_pages_that_changed_places_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_frame_that_is_not_the_domains_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pin_that_is_gone_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_table_entry_that_changed_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(vcpus_that_differ_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(start_info_and_shared_info_are_held_against_rules, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_root_of_the_index_is_held_against_all, setup, teardown),
		cmocka_unit_test_setup_teardown(a_domain_that_is_not_proven_is_not_left, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
