/*
 * machine/machine.c, vcpu.c, tsc.c, shared-info.c, start-info.c, guest-info.c:
 * what records say is kept, checked against the memory, and loaded.
 */
#include "unit.h"

#include "fake/guest.h"
#include "machine/machine.h"
#include "p2m/inverse.h"

static struct guest guest;
static struct machine machine;
static uint8_t *type;
static struct destination memory;
static bool taken;

static int teardown(void **state)
{
	(void)state;
	machine_release(&machine);
	guest_release(&guest);
	free(type);
	guest = (struct guest){ 0 };
	type = NULL;
	fail_forget();
	return 0;
}

static int take(uint32_t record_type, const void *body, uint32_t bytes)
{
	struct record record = { .type = record_type, .bytes = bytes, .body = body, .number = 5 };

	return machine_take(&machine, &record, &taken);
}

static void take_info(unsigned int width, unsigned int levels)
{
	struct pv_info info = { .width = width, .levels = levels };

	assert_done(take(RECORD_X86_PV_INFO, &info, sizeof(info)));
}

/* A vCPU record with a content of so many bytes, all of them 0x5a. */
static int take_vcpu(uint32_t record_type, uint32_t vcpu, uint32_t bytes)
{
	uint8_t *body = malloc(8 + bytes);
	int rc;

	memset(body, 0x5a, 8 + bytes);
	memcpy(body, (uint32_t[]){ vcpu, 0 }, 8);
	rc = take(record_type, body, 8 + bytes);
	free(body);
	return rc;
}

/* --- taking ------------------------------------------------------------------- */

static void records_of_others_are_left(void **state)
{
	(void)state;
	assert_done(take(RECORD_PAGE_DATA, "", 0));
	assert_false(taken);
	assert_done(take(RECORD_STATIC_DATA_END, "", 0));
	assert_false(taken);
}

static void guest_info_is_checked(void **state)
{
	struct pv_info infos[] = { { 8, 3, "" }, { 4, 4, "" }, { 2, 3, "" }, { 0, 0, "" }, { 8, 4, "\0\0\0\0\0\1" } };

	(void)state;
	take_info(8, 4);
	assert_int_equal(machine.layout->width, 8);
	take_info(4, 3);
	assert_int_equal(machine.layout->width, 4);
	for (size_t i = 0; i < COUNT(infos); i++)
		assert_fails(take(RECORD_X86_PV_INFO, &infos[i], 8), EBADMSG, "record 5: X86_PV_INFO");
}

static void tsc_is_taken(void **state)
{
	struct tsc_info tsc = { .mode = 2, .khz = 2400000, .nsec = 77, .incarnation = 3 };

	(void)state;
	assert_done(take(RECORD_X86_TSC_INFO, &tsc, sizeof(tsc)));
	assert_true(machine.has_tsc);
	assert_int_equal(machine.tsc.khz, 2400000);
	tsc.khz = 1;	/* the last one counts */
	assert_done(take(RECORD_X86_TSC_INFO, &tsc, sizeof(tsc)));
	assert_int_equal(machine.tsc.khz, 1);
	tsc.zero = 1;
	assert_fails(take(RECORD_X86_TSC_INFO, &tsc, sizeof(tsc)), EBADMSG, "X86_TSC_INFO");
}

static void shared_info_is_taken(void **state)
{
	uint8_t page[PAGE_BYTES] = { 1, 2, 3 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		page[9] = i;
		assert_done(take(RECORD_SHARED_INFO, page, sizeof(page)));
		assert_memory_equal(machine.shared_info, page, sizeof(page));
	}
}

static void vcpus_are_taken(void **state)
{
	(void)state;
	take_info(8, 4);
	assert_done(take_vcpu(RECORD_X86_PV_VCPU_BASIC, 2, 5168));
	assert_int_equal(machine.vcpu_count, 3);
	assert_null(machine.vcpus[0].state[VCPU_BASIC]);
	assert_int_equal(machine.vcpus[2].bytes[VCPU_BASIC], 5168);
	assert_done(take_vcpu(RECORD_X86_PV_VCPU_EXTENDED, 0, 128));
	assert_done(take_vcpu(RECORD_X86_PV_VCPU_XSAVE, 0, 600));
	assert_done(take_vcpu(RECORD_X86_PV_VCPU_MSRS, 0, 32));
	assert_int_equal(machine.vcpu_count, 3);
	/* Twice: the last one counts. Empty: old writers had nothing to say. */
	assert_done(take_vcpu(RECORD_X86_PV_VCPU_XSAVE, 0, 700));
	assert_int_equal(machine.vcpus[0].bytes[VCPU_XSAVE], 700);
	assert_done(take_vcpu(RECORD_X86_PV_VCPU_MSRS, 1, 0));
	assert_null(machine.vcpus[1].state[VCPU_MSRS]);
}

static void wrong_vcpu_records_are_refused(void **state)
{
	(void)state;
	take_info(8, 4);
	assert_fails(take_vcpu(RECORD_X86_PV_VCPU_BASIC, 0, 5160), EBADMSG, "X86_PV_VCPU_BASIC of 5168 bytes");
	assert_fails(take_vcpu(RECORD_X86_PV_VCPU_BASIC, 0, 2800), EBADMSG, "X86_PV_VCPU_BASIC");
	assert_fails(take_vcpu(RECORD_X86_PV_VCPU_XSAVE, 0, 15), EBADMSG, "X86_PV_VCPU_XSAVE");
	assert_fails(take_vcpu(RECORD_X86_PV_VCPU_MSRS, 0, 17), EBADMSG, "X86_PV_VCPU_MSRS");
	assert_fails(take_vcpu(RECORD_X86_PV_VCPU_MSRS, VCPU_MAX, 16), EBADMSG, "of vcpu 8192");
	assert_int_equal(machine.vcpu_count, 0);
	take_info(4, 3);
	assert_done(take_vcpu(RECORD_X86_PV_VCPU_BASIC, 0, 2800));
}

/* --- saving and checking ------------------------------------------------------ */

static struct p2m p2m;
static struct inverse inverse;
static struct bytes out;

/* What a save puts into the stream is what a restore takes. */
static int save_and_take(void)
{
	int rc;

	type = realloc(type, guest.count);
	for (uint64_t pfn = 0; pfn < guest.count; pfn++)
		type[pfn] = fake_frame(guest.mfn[pfn])->type;
	memory = (struct destination){ guest.mfn, type, guest.count };
	p2m = (struct p2m){ .mfn = guest.mfn, .count = guest.count };
	assert_done(inverse_init(&inverse, &p2m));
	bytes_release(&out);
	rc = vcpus_save(guest.domain, guest.layout, &inverse, &memory, &out);
	inverse_release(&inverse);
	machine_release(&machine);
	take_info(guest.layout->width, guest.layout->levels);
	for (size_t at = 0; !rc && at < out.count;) {
		struct record_header *header = (void *)(out.at + at);

		rc = take(header->type, header + 1, header->bytes);
		at += sizeof(*header) + ((header->bytes + 7) & ~7u);
	}
	bytes_release(&out);
	return rc;
}

static void make(unsigned int width)
{
	fake_reset();
	guest_make(&guest, width, 2000);
	guest.domain->vcpu_count = 3;
	guest_add_vcpus(&guest);
	assert_done(save_and_take());
	assert_done(vcpus_check(&machine, &memory));
}

static uint64_t pfn_of(uint64_t mfn)
{
	for (uint64_t pfn = 0; pfn < guest.count; pfn++)
		if (guest.mfn[pfn].n == mfn)
			return pfn;
	return INVALID_FRAME;
}

static uint64_t word(const uint8_t *state, size_t offset)
{
	return word_get(guest.layout, state, offset);
}

static void check_places(unsigned int width)
{
	const struct vcpu_layout *at;
	pfn_t kernel, user;

	make(width);
	at = &guest.layout->vcpu;
	assert_int_equal(machine.vcpu_count, 2);	/* the third is offline */
	for (int i = 0; i < 2; i++) {
		const uint8_t *was = guest.domain->vcpus[i].state[VCPU_BASIC], *is = machine.vcpus[i].state[VCPU_BASIC];

		for (int frame = 0; frame < 2; frame++)
			assert_int_equal(word(is, at->gdt_frames + frame * width),
					 pfn_of(word(was, at->gdt_frames + frame * width)));
		assert_int_equal(word(is, at->gdt_frames + 2 * width), word(was, at->gdt_frames + 2 * width));
		vcpu_roots(guest.layout, &machine.vcpus[i], &kernel, &user);
		assert_int_equal(kernel.n, guest.root);
		assert_int_equal(user.n != INVALID_FRAME, width == 8 && i == 0);
		if (width == 8 && !i)
			assert_int_equal(word(is, at->cr1), pfn_of(word(was, at->cr1) >> PAGE_BITS) << PAGE_BITS | 1);
		assert_int_equal(word(is, at->start_info), i ? word(was, at->start_info)
								: pfn_of(word(was, at->start_info)));
		assert_memory_equal(machine.vcpus[i].state[VCPU_XSAVE], guest.domain->vcpus[i].state[VCPU_XSAVE], 592);
	}
	assert_int_equal(vcpus_start_info(&machine).n,
			 pfn_of(word(guest.domain->vcpus[0].state[VCPU_BASIC], at->start_info)));
	assert_null(machine.vcpus[0].state[VCPU_MSRS]);
	assert_int_equal(machine.vcpus[1].bytes[VCPU_MSRS], 32);
	/* And back: the same guest, its frames where they were. */
	for (int i = 0; i < 2; i++)
		word_set(guest.layout, guest.domain->vcpus[i].state[VCPU_BASIC], at->cr3, 0);
	assert_done(vcpus_load(guest.domain, &machine, &memory));
	for (int i = 0; i < 2; i++) {
		const uint8_t *is = guest.domain->vcpus[i].state[VCPU_BASIC];
		uint32_t flags;

		assert_int_equal(word(is, at->cr3), width == 8 ? guest.mfn[guest.root].n << PAGE_BITS
							       : narrow_cr3(guest.mfn[guest.root].n));
		memcpy(&flags, is + at->flags, sizeof(flags));
		assert_true(flags & VCPU_FLAG_ONLINE);
	}
	if (width == 8)
		assert_int_equal(word(guest.domain->vcpus[0].state[VCPU_BASIC], at->cr1) & (PAGE_BYTES - 1), 0);
}

static void frames_become_pfns_and_frames_again(void **state)
{
	(void)state;
	check_places(8);
}

static void narrow_frames_become_pfns_and_frames_again(void **state)
{
	(void)state;
	check_places(4);
}

/* A frame that is not the guest's, in each place, while saving. */
static void foreign_frames_are_refused(void **state)
{
	uint64_t foreign;
	const struct vcpu_layout *at;
	uint8_t *first;

	(void)state;
	make(8);
	at = &guest.layout->vcpu;
	first = guest.domain->vcpus[0].state[VCPU_BASIC];
	foreign = fake_allocate(FAKE_XEN).n;
	struct { size_t offset; uint64_t value; const char *words; } places[] = {
		{ at->start_info, foreign, "vcpu 0: rdx (start info) names mfn" },
		{ at->gdt_frames + 8, foreign, "vcpu 0: its GDT names mfn" },
		{ at->cr3, foreign << PAGE_BITS, "vcpu 0: cr3 names mfn" },
		{ at->cr1, foreign << PAGE_BITS, "vcpu 0: the user's root names mfn" },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		uint64_t old = word(first, places[i].offset);

		word_set(guest.layout, first, places[i].offset, places[i].value);
		assert_fails(save_and_take(), ERANGE, places[i].words);
		word_set(guest.layout, first, places[i].offset, old);
	}
	assert_done(save_and_take());
}

/* What a stream says, changed in each place. */
static void wrong_places_are_refused(void **state)
{
	enum { BEYOND = 2000, PAGE = 3 };
	const struct vcpu_layout *at;
	uint8_t *first;

	(void)state;
	make(8);
	at = &guest.layout->vcpu;
	first = machine.vcpus[0].state[VCPU_BASIC];
	struct { size_t offset; uint64_t value; const char *words; } places[] = {
		{ at->start_info, BEYOND, "rdx (start info) names pfn 0x7d0, which is beyond" },
		{ at->start_info, guest.root, "which is no page it may name" },
		{ at->start_info, UINT64_MAX, "vcpu 0: rdx (start info) names" },
		{ at->gdt_frames, BEYOND, "its GDT names pfn 0x7d0" },
		{ at->gdt_entries, GDT_MOST_ENTRIES + 1, "a GDT of 7169 entries" },
		{ at->gdt_entries, UINT64_MAX, "a GDT of" },
		{ at->cr3, (uint64_t)BEYOND << PAGE_BITS, "cr3 names pfn 0x7d0" },
		{ at->cr3, PAGE << PAGE_BITS, "no page table of the top level" },
		{ at->cr3, guest.root << PAGE_BITS | 0x18, "a cr3 of" },
		{ at->cr1, PAGE << PAGE_BITS | 1, "the user's root names pfn 0x3" },
		{ at->cr1, guest.root << PAGE_BITS, "without its mark" },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		uint64_t old = word(first, places[i].offset);

		word_set(guest.layout, first, places[i].offset, places[i].value);
		if (places[i].value == UINT64_MAX && places[i].offset == at->start_info)
			assert_fails(vcpus_check(&machine, &memory), ERANGE, places[i].words);
		else
			assert_fails(vcpus_check(&machine, &memory), EBADMSG, places[i].words);
		word_set(guest.layout, first, places[i].offset, old);
	}
	assert_done(vcpus_check(&machine, &memory));
}

static void holes_are_no_frames(void **state)
{
	uint64_t gdt;

	(void)state;
	make(8);
	gdt = word(machine.vcpus[0].state[VCPU_BASIC], guest.layout->vcpu.gdt_frames);
	type[gdt] = FRAME_XTAB;
	assert_fails(vcpus_check(&machine, &memory), EBADMSG, "its GDT names pfn");
}

static void each_gdt_page(pfn_t pfn, void *context)
{
	assert_true(pfn.n < guest.count);
	++*(unsigned int *)context;
}

static void pages_of_gdts_are_told(void **state)
{
	unsigned int count = 0;

	(void)state;
	make(4);
	vcpus_each_gdt_page(&machine, each_gdt_page, &count);
	assert_int_equal(count, 4);
}

static void first_vcpu_must_be_there(void **state)
{
	(void)state;
	make(8);
	guest.domain->vcpus[0].is_online = false;
	assert_fails(save_and_take(), ENODATA, "vcpu 0 is offline");
	machine_release(&machine);
	take_info(8, 4);
	assert_fails(vcpus_check(&machine, &memory), EBADMSG, "no X86_PV_VCPU_BASIC of vcpu 0");
	assert_done(take_vcpu(RECORD_X86_PV_VCPU_EXTENDED, 0, 128));
	assert_fails(vcpus_check(&machine, &memory), EBADMSG, "no X86_PV_VCPU_BASIC of vcpu 0");
	assert_fails(machine_check(&machine, &memory), EBADMSG, "no SHARED_INFO");
}

/* --- loading ------------------------------------------------------------------- */

static void check_start_info(unsigned int width)
{
	struct connections connections = { .store_port = 11, .console_port = 12 };
	const struct start_info_layout *at;
	uint64_t store, console;
	uint32_t number;
	uint8_t *page;

	make(width);
	at = &guest.layout->start_info;
	page = guest_page(&guest, vcpus_start_info(&machine).n);
	store = word(page, at->store_frame);
	console = word(page, at->console_frame);
	assert_done(start_info_load(guest.domain, &machine, &memory, &connections));
	assert_int_equal(connections.store.n, guest.mfn[store].n);
	assert_int_equal(word(page, at->store_frame), guest.mfn[store].n);
	assert_int_equal(word(page, at->console_frame), guest.mfn[console].n);
	assert_int_equal(word(page, at->nr_pages), guest.count);
	assert_int_equal(word(page, at->shared_info), guest.domain->shared_info.n << PAGE_BITS & (width == 8 ? ~0ULL : ~0u));
	memcpy(&number, page + at->flags, sizeof(number));
	assert_int_equal(number, START_FLAG_P2M_4TOOLS);
	memcpy(&number, page + at->store_port, sizeof(number));
	assert_int_equal(number, 11);
	memcpy(&number, page + at->console_port, sizeof(number));
	assert_int_equal(number, 12);
	/* Now there are mfns where pfns should be. */
	assert_fails(start_info_load(guest.domain, &machine, &memory, &connections), EBADMSG, "the xenstore page");
	word_set(guest.layout, page, at->store_frame, store);
	word_set(guest.layout, page, at->console_frame, guest.root);
	assert_fails(start_info_load(guest.domain, &machine, &memory, &connections), EBADMSG, "the console page");
}

static void start_info_is_rewritten(void **state)
{
	(void)state;
	check_start_info(8);
}

static void narrow_start_info_is_rewritten(void **state)
{
	(void)state;
	check_start_info(4);
}

static void check_shared_info(unsigned int width)
{
	const struct shared_info_layout *at;
	uint8_t saved[PAGE_BYTES], *page;

	make(width);
	at = &guest.layout->shared_info;
	page = fake_page(guest.domain->shared_info);
	memset(saved, 0x5a, sizeof(saved));
	memset(page, 0xcc, PAGE_BYTES);	/* Xen's own */
	assert_done(take(RECORD_SHARED_INFO, saved, sizeof(saved)));
	assert_done(shared_info_load(guest.domain, &machine));
	assert_int_equal(word(page, at->pending_sel), 0);
	assert_int_equal(page[0], 0x5a);
	assert_int_equal(page[at->max_pfn], 0x5a);
	assert_int_equal(word(page, at->frame_list_list), 0);
	assert_int_equal(word(page, at->p2m_cr3), 0);
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

static void narrow_shared_info_is_loaded_in_part(void **state)
{
	(void)state;
	check_shared_info(4);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(records_of_others_are_left), TEST(guest_info_is_checked), TEST(tsc_is_taken),
		TEST(shared_info_is_taken), TEST(vcpus_are_taken), TEST(wrong_vcpu_records_are_refused),
		TEST(frames_become_pfns_and_frames_again), TEST(narrow_frames_become_pfns_and_frames_again),
		TEST(foreign_frames_are_refused), TEST(wrong_places_are_refused), TEST(holes_are_no_frames),
		TEST(pages_of_gdts_are_told), TEST(first_vcpu_must_be_there), TEST(start_info_is_rewritten),
		TEST(narrow_start_info_is_rewritten), TEST(shared_info_is_loaded_in_part),
		TEST(narrow_shared_info_is_loaded_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
