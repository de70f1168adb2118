/* machine/vcpu.c: the frames that a vCPU names become pfns, are held against the memory, and become frames again. */
#include "unit.h"

#include "fake/saved.h"

static int teardown(void **state)
{
	(void)state;
	saved_release();
	fail_forget();
	return 0;
}

static uint64_t pfn_of(uint64_t mfn)
{
	for (uint64_t pfn = 0; pfn < saved.guest.count; pfn++)
		if (saved.guest.mfn[pfn].n == mfn)
			return pfn;
	return INVALID_FRAME;
}

static void check_places(unsigned int width)
{
	const struct vcpu_layout *at;
	pfn_t kernel, user;

	saved_make(width);
	at = &saved.guest.layout->vcpu;
	assert_int_equal(saved.machine.vcpu_count, 2); /* the third is offline */
	for (int i = 0; i < 2; i++) {
		const uint8_t *was = saved.guest.domain->vcpus[i].state[VCPU_BASIC],
			      *is = saved.machine.vcpus[i].state[VCPU_BASIC];

		for (int frame = 0; frame < 2; frame++)
			assert_int_equal(saved_word(is, at->gdt_frames + frame * width),
					 pfn_of(saved_word(was, at->gdt_frames + frame * width)));
		assert_int_equal(saved_word(is, at->gdt_frames + 2 * width),
				 saved_word(was, at->gdt_frames + 2 * width));
		vcpu_roots(saved.guest.layout, &saved.machine.vcpus[i], &kernel, &user);
		assert_int_equal(kernel.n, saved.guest.root);
		assert_int_equal(user.n != INVALID_FRAME, width == 8 && i == 0);
		if (width == 8 && !i)
			assert_int_equal(saved_word(is, at->cr1),
					 pfn_of(saved_word(was, at->cr1) >> PAGE_BITS) << PAGE_BITS | 1);
		assert_int_equal(saved_word(is, at->start_info), i ? saved_word(was, at->start_info)
								   : pfn_of(saved_word(was, at->start_info)));
		assert_memory_equal(saved.machine.vcpus[i].state[VCPU_XSAVE],
				    saved.guest.domain->vcpus[i].state[VCPU_XSAVE], 592);
	}
	assert_int_equal(vcpus_start_info(&saved.machine).n,
			 pfn_of(saved_word(saved.guest.domain->vcpus[0].state[VCPU_BASIC], at->start_info)));
	assert_null(saved.machine.vcpus[0].state[VCPU_MSRS]);
	assert_int_equal(saved.machine.vcpus[1].bytes[VCPU_MSRS], 32);
	/* And back: the same guest, its frames where they were. */
	for (int i = 0; i < 2; i++)
		word_set(saved.guest.layout, saved.guest.domain->vcpus[i].state[VCPU_BASIC], at->cr3, 0);
	assert_done(vcpus_load(saved.guest.domain, &saved.machine, &saved.memory));
	for (int i = 0; i < 2; i++) {
		const uint8_t *is = saved.guest.domain->vcpus[i].state[VCPU_BASIC];
		uint32_t flags;

		assert_int_equal(saved_word(is, at->cr3),
				 width == 8 ? saved.guest.mfn[saved.guest.root].n << PAGE_BITS
					    : compat_cr3(saved.guest.mfn[saved.guest.root].n));
		memcpy(&flags, is + at->flags, sizeof(flags));
		assert_true(flags & VCPU_FLAG_ONLINE);
	}
	if (width == 8)
		assert_int_equal(saved_word(saved.guest.domain->vcpus[0].state[VCPU_BASIC], at->cr1) &
					 (PAGE_BYTES - 1),
				 0);
}

static void frames_become_pfns_and_frames_again(void **state)
{
	(void)state;
	check_places(8);
}

static void compat_frames_become_pfns_and_frames_again(void **state)
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
	saved_make(8);
	at = &saved.guest.layout->vcpu;
	first = saved.guest.domain->vcpus[0].state[VCPU_BASIC];
	foreign = fake_allocate(FAKE_XEN).n;
	struct {
		size_t offset;
		uint64_t value;
		const char *words;
	} places[] = {
		{ at->start_info, foreign, "vcpu 0: rdx (start info) names mfn" },
		{ at->gdt_frames + 8, foreign, "vcpu 0: its GDT names mfn" },
		{ at->cr3, foreign << PAGE_BITS, "vcpu 0: cr3 names mfn" },
		{ at->cr1, foreign << PAGE_BITS, "vcpu 0: the user's root names mfn" },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		uint64_t old = saved_word(first, places[i].offset);

		word_set(saved.guest.layout, first, places[i].offset, places[i].value);
		assert_fails(saved_again(), ERANGE, places[i].words);
		word_set(saved.guest.layout, first, places[i].offset, old);
	}
	assert_done(saved_again());
}

/* What a stream says, changed in each place. */
static void wrong_places_are_refused(void **state)
{
	enum { BEYOND = 2000, PAGE = 3 };
	const struct vcpu_layout *at;
	uint64_t level_3;
	uint8_t *first;

	(void)state;
	saved_make(8);
	at = &saved.guest.layout->vcpu;
	first = saved.machine.vcpus[0].state[VCPU_BASIC];
	level_3 = pfn_of(*guest_entry(&saved.guest, 4, 0x400000) >> PAGE_BITS & (FAKE_FRAMES - 1));
	assert_int_equal(saved.type[level_3], FRAME_L3);
	struct {
		size_t offset;
		uint64_t value;
		const char *words;
	} places[] = {
		{ at->start_info, BEYOND, "rdx (start info) names pfn 0x7d0, which is beyond" },
		{ at->start_info, saved.guest.root, "which is no page it may name" },
		{ at->start_info, UINT64_MAX, "vcpu 0: rdx (start info) names" },
		{ at->gdt_frames, BEYOND, "its GDT names pfn 0x7d0" },
		{ at->gdt_entries, GDT_MOST_ENTRIES + 1, "a GDT of 7169 entries" },
		{ at->gdt_entries, UINT64_MAX, "a GDT of" },
		{ at->cr3, (uint64_t)BEYOND << PAGE_BITS, "cr3 names pfn 0x7d0" },
		{ at->cr3, PAGE << PAGE_BITS, "no page table of the top level" },
		{ at->cr3, level_3 << PAGE_BITS, "no page table of the top level" },
		{ at->cr3, saved.guest.root << PAGE_BITS | 0x18, "a cr3 of" },
		{ at->cr1, PAGE << PAGE_BITS | 1, "the user's root names pfn 0x3" },
		{ at->cr1, saved.guest.root << PAGE_BITS, "without its mark" },
	};
	for (size_t i = 0; i < COUNT(places); i++) {
		uint64_t old = saved_word(first, places[i].offset);

		word_set(saved.guest.layout, first, places[i].offset, places[i].value);
		assert_fails(vcpus_check(&saved.machine, &saved.memory), EBADMSG, places[i].words);
		word_set(saved.guest.layout, first, places[i].offset, old);
	}
	assert_done(vcpus_check(&saved.machine, &saved.memory));
}

static void holes_are_no_frames(void **state)
{
	uint64_t gdt;

	(void)state;
	saved_make(8);
	gdt = saved_word(saved.machine.vcpus[0].state[VCPU_BASIC], saved.guest.layout->vcpu.gdt_frames);
	saved.type[gdt] = FRAME_XTAB;
	assert_fails(vcpus_check(&saved.machine, &saved.memory), EBADMSG, "its GDT names pfn");
}

static void each_gdt_page(pfn_t pfn, void *context)
{
	assert_true(pfn.n < saved.guest.count);
	++*(unsigned int *)context;
}

static void pages_of_gdts_are_told(void **state)
{
	unsigned int count = 0;

	(void)state;
	saved_make(4);
	vcpus_each_gdt_page(&saved.machine, each_gdt_page, &count);
	assert_int_equal(count, 4);
}

static void first_vcpu_must_be_there(void **state)
{
	(void)state;
	saved_make(8);
	saved.guest.domain->vcpus[0].is_online = false;
	assert_fails(saved_again(), ENODATA, "vcpu 0 is offline");
	machine_release(&saved.machine);
	saved_take_info(8, 4);
	assert_fails(vcpus_check(&saved.machine, &saved.memory), EBADMSG, "no X86_PV_VCPU_BASIC of vcpu 0");
	assert_done(saved_take_vcpu(RECORD_X86_PV_VCPU_EXTENDED, 0, 128));
	assert_fails(vcpus_check(&saved.machine, &saved.memory), EBADMSG, "no X86_PV_VCPU_BASIC of vcpu 0");
	assert_fails(machine_check(&saved.machine, &saved.memory), EBADMSG, "no SHARED_INFO");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(frames_become_pfns_and_frames_again),
		TEST(compat_frames_become_pfns_and_frames_again),
		TEST(foreign_frames_are_refused),
		TEST(wrong_places_are_refused),
		TEST(holes_are_no_frames),
		TEST(pages_of_gdts_are_told),
		TEST(first_vcpu_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
