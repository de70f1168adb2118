/*
 * machine/machine.c, tsc.c, shared-info.c, start-info.c, guest-info.c: what
 * records say is kept, and loaded into another domain.
 */
#include "unit.h"

#include "fake/saved.h"

static int teardown(void **state)
{
	(void)state;
	saved_release();
	fail_forget();
	return 0;
}

/* --- taking ------------------------------------------------------------------- */

static void records_of_others_are_left(void **state)
{
	(void)state;
	assert_done(saved_take(RECORD_PAGE_DATA, "", 0));
	assert_false(saved.taken);
	assert_done(saved_take(RECORD_STATIC_DATA_END, "", 0));
	assert_false(saved.taken);
}

static void guest_info_is_checked(void **state)
{
	struct pv_info infos[] = {
		{ 8, 3, "" }, { 4, 4, "" }, { 2, 3, "" }, { 0, 0, "" }, { 8, 4, "\0\0\0\0\0\1" }
	};

	(void)state;
	saved_take_info(8, 4);
	assert_int_equal(saved.machine.layout->width, 8);
	saved_take_info(4, 3);
	assert_int_equal(saved.machine.layout->width, 4);
	for (size_t i = 0; i < COUNT(infos); i++)
		assert_fails(saved_take(RECORD_X86_PV_INFO, &infos[i], 8), EBADMSG, "record 5: X86_PV_INFO");
}

static void tsc_is_taken(void **state)
{
	struct tsc_info tsc = { .mode = 2, .khz = 2400000, .nsec = 77, .incarnation = 3 };

	(void)state;
	assert_done(saved_take(RECORD_X86_TSC_INFO, &tsc, sizeof(tsc)));
	assert_true(saved.machine.has_tsc);
	assert_int_equal(saved.machine.tsc.khz, 2400000);
	tsc.khz = 1; /* the last one counts */
	assert_done(saved_take(RECORD_X86_TSC_INFO, &tsc, sizeof(tsc)));
	assert_int_equal(saved.machine.tsc.khz, 1);
	tsc.zero = 1;
	assert_fails(saved_take(RECORD_X86_TSC_INFO, &tsc, sizeof(tsc)), EBADMSG, "X86_TSC_INFO");
}

static void shared_info_is_taken(void **state)
{
	uint8_t page[PAGE_BYTES] = { 1, 2, 3 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		page[9] = i;
		assert_done(saved_take(RECORD_SHARED_INFO, page, sizeof(page)));
		assert_memory_equal(saved.machine.shared_info, page, sizeof(page));
	}
}

static void vcpus_are_taken(void **state)
{
	(void)state;
	saved_take_info(8, 4);
	assert_done(saved_take_vcpu(RECORD_X86_PV_VCPU_BASIC, 2, 5168));
	assert_int_equal(saved.machine.vcpu_count, 3);
	assert_null(saved.machine.vcpus[0].state[VCPU_BASIC]);
	assert_int_equal(saved.machine.vcpus[2].bytes[VCPU_BASIC], 5168);
	assert_done(saved_take_vcpu(RECORD_X86_PV_VCPU_EXTENDED, 0, 128));
	assert_done(saved_take_vcpu(RECORD_X86_PV_VCPU_XSAVE, 0, 600));
	assert_done(saved_take_vcpu(RECORD_X86_PV_VCPU_MSRS, 0, 32));
	assert_int_equal(saved.machine.vcpu_count, 3);
	/* Twice: the last one counts. Empty: old writers had nothing to say. */
	assert_done(saved_take_vcpu(RECORD_X86_PV_VCPU_XSAVE, 0, 700));
	assert_int_equal(saved.machine.vcpus[0].bytes[VCPU_XSAVE], 700);
	assert_done(saved_take_vcpu(RECORD_X86_PV_VCPU_MSRS, 1, 0));
	assert_null(saved.machine.vcpus[1].state[VCPU_MSRS]);
}

static void wrong_vcpu_records_are_refused(void **state)
{
	(void)state;
	saved_take_info(8, 4);
	assert_fails(saved_take_vcpu(RECORD_X86_PV_VCPU_BASIC, 0, 5160), EBADMSG,
		     "X86_PV_VCPU_BASIC of 5168 bytes");
	assert_fails(saved_take_vcpu(RECORD_X86_PV_VCPU_BASIC, 0, 2800), EBADMSG, "X86_PV_VCPU_BASIC");
	assert_fails(saved_take_vcpu(RECORD_X86_PV_VCPU_XSAVE, 0, 15), EBADMSG, "X86_PV_VCPU_XSAVE");
	assert_fails(saved_take_vcpu(RECORD_X86_PV_VCPU_MSRS, 0, 17), EBADMSG, "X86_PV_VCPU_MSRS");
	assert_fails(saved_take_vcpu(RECORD_X86_PV_VCPU_MSRS, VCPU_MAX, 16), EBADMSG, "of vcpu 8192");
	assert_int_equal(saved.machine.vcpu_count, 0);
	saved_take_info(4, 3);
	assert_done(saved_take_vcpu(RECORD_X86_PV_VCPU_BASIC, 0, 2800));
}

/* --- loading ------------------------------------------------------------------- */

static void check_start_info(unsigned int width)
{
	struct connections connections = { .store_port = 11, .console_port = 12 };
	const struct start_info_layout *at;
	uint64_t store, console;
	uint32_t number;
	uint8_t *page;

	saved_make(width);
	at = &saved.guest.layout->start_info;
	page = guest_page(&saved.guest, vcpus_start_info(&saved.machine).n);
	store = saved_word(page, at->store_frame);
	console = saved_word(page, at->console_frame);
	((uint8_t *)guest_page(&saved.guest, console))[CONSOLE_CONNECTION_AT] =
		7; /* of the host it comes from */
	assert_done(start_info_load(saved.guest.domain, &saved.machine, &saved.memory, &connections));
	assert_int_equal(connections.store.n, saved.guest.mfn[store].n);
	assert_int_equal(saved_word(page, at->store_frame), saved.guest.mfn[store].n);
	assert_int_equal(saved_word(page, at->console_frame), saved.guest.mfn[console].n);
	assert_int_equal(saved_word(page, at->nr_pages), saved.guest.count);
	assert_int_equal(saved_word(page, at->shared_info),
			 saved.guest.domain->shared_info.n << PAGE_BITS & (width == 8 ? ~0ULL : ~0u));
	memcpy(&number, page + at->flags, sizeof(number));
	assert_int_equal(number, START_FLAG_P2M_4TOOLS);
	memcpy(&number, page + at->store_port, sizeof(number));
	assert_int_equal(number, 11);
	memcpy(&number, page + at->console_port, sizeof(number));
	assert_int_equal(number, 12);
	assert_int_equal(((uint8_t *)guest_page(&saved.guest, console))[CONSOLE_CONNECTION_AT],
			 console_connection_at_start());
	/* Now there are mfns where pfns should be. */
	assert_fails(start_info_load(saved.guest.domain, &saved.machine, &saved.memory, &connections),
		     EBADMSG, "the xenstore page");
	word_set(saved.guest.layout, page, at->store_frame, store);
	word_set(saved.guest.layout, page, at->console_frame, saved.guest.root);
	assert_fails(start_info_load(saved.guest.domain, &saved.machine, &saved.memory, &connections),
		     EBADMSG, "the console page");
}

static void start_info_is_rewritten(void **state)
{
	(void)state;
	check_start_info(8);
}

static void compat_start_info_is_rewritten(void **state)
{
	(void)state;
	check_start_info(4);
}

static void check_shared_info(unsigned int width)
{
	const struct shared_info_layout *at;
	uint8_t before[PAGE_BYTES], *page;

	saved_make(width);
	at = &saved.guest.layout->shared_info;
	page = fake_page(saved.guest.domain->shared_info);
	memset(before, 0x5a, sizeof(before));
	memset(page, 0xcc, PAGE_BYTES); /* Xen's own */
	assert_done(saved_take(RECORD_SHARED_INFO, before, sizeof(before)));
	assert_done(shared_info_load(saved.guest.domain, &saved.machine));
	assert_int_equal(saved_word(page, at->pending_sel), 0);
	assert_int_equal(page[0], 0x5a);
	assert_int_equal(page[at->max_pfn], 0x5a);
	assert_int_equal(saved_word(page, at->frame_list_list), 0);
	assert_int_equal(saved_word(page, at->p2m_cr3), 0);
	for (size_t i = 0; i < at->evtchn_bytes; i++) {
		assert_int_equal(page[at->evtchn_pending + i], 0);
		assert_int_equal(page[at->evtchn_mask + i], 0xff);
	}
	/* The wallclock is Xen's to keep. */
	assert_int_equal(page[at->evtchn_mask + at->evtchn_bytes], 0xcc);
	assert_int_equal(fake_mappings(), 0);
}

static void shared_info_is_loaded_in_part(void **state)
{
	(void)state;
	check_shared_info(8);
}

static void compat_shared_info_is_loaded_in_part(void **state)
{
	(void)state;
	check_shared_info(4);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(records_of_others_are_left),
		TEST(guest_info_is_checked),
		TEST(tsc_is_taken),
		TEST(shared_info_is_taken),
		TEST(vcpus_are_taken),
		TEST(wrong_vcpu_records_are_refused),
		TEST(start_info_is_rewritten),
		TEST(compat_start_info_is_rewritten),
		TEST(shared_info_is_loaded_in_part),
		TEST(compat_shared_info_is_loaded_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
