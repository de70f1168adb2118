/* p2m/rewrite.c: what the guest's own p2m says after it has come to other frames. */
#include "unit.h"

#include "fake/guest.h"
#include "p2m/p2m.h"
#include "p2m/rewrite.h"

static struct guest guest;
static uint8_t *type;
static mfn_t *mfn;

/* A guest whose pages say what they said on the source, with other frames in mfn[]. */
static void make(unsigned int width, uint64_t pfns)
{
	fake_reset();
	guest_make(&guest, width, pfns);
	type = calloc(pfns, 1);
	mfn = calloc(pfns, sizeof(*mfn));
	memcpy(mfn, guest.mfn, pfns * sizeof(*mfn));
	for (uint64_t pfn = 0; pfn < pfns; pfn++)
		guest_set_entry(&guest, pfn, 0x777);
}

static int teardown(void **state)
{
	(void)state;
	guest_release(&guest);
	free(type);
	free(mfn);
	return 0;
}

static int rewrite(void)
{
	return p2m_rewrite(guest.domain, guest.layout, guest.leaf,
			   &(struct destination){ mfn, type, guest.count });
}

static uint64_t entry(uint64_t pfn)
{
	uint64_t per_page = p2m_per_page(guest.layout);

	return word_get(guest.layout, guest_page(&guest, guest.leaf[pfn / per_page]),
			pfn % per_page * guest.layout->width);
}

static void hole(uint64_t pfn, uint64_t says)
{
	guest_set_entry(&guest, pfn, says);
	mfn[pfn] = MFN(INVALID_FRAME);
	type[pfn] = FRAME_XTAB;
}

static void check_rules(unsigned int width)
{
	uint64_t foreign = 1ULL << (width * 8 - 1), identity = 1ULL << (width * 8 - 2);

	make(width, 300000); /* more leaves than are mapped at once */
	hole(10, INVALID_FRAME);
	hole(11, identity | 11);
	hole(12, foreign | 0x99);
	hole(13, foreign | identity | 0x99);
	hole(14, 0x1234);
	guest_set_entry(&guest, 15, identity | 15); /* but it has a frame */
	assert_done(rewrite());
	assert_int_equal(entry(10), INVALID_FRAME);
	assert_int_equal(entry(11), identity | 11);
	for (int pfn = 12; pfn < 15; pfn++)
		assert_int_equal(entry(pfn), INVALID_FRAME);
	for (uint64_t pfn = 15; pfn < guest.count; pfn++)
		assert_int_equal(entry(pfn), mfn[pfn].n);
	assert_int_equal(fake_mappings(), 0);
}

static void entries_are_rewritten(void **state)
{
	(void)state;
	check_rules(8);
}

static void compat_entries_are_rewritten(void **state)
{
	(void)state;
	check_rules(4);
}

static void what_follows_the_last_entry_stays(void **state)
{
	uint64_t *last;

	(void)state;
	make(8, 600);
	last = guest_page(&guest, guest.leaf[1]);
	last[600 - 512] = 0x4242;
	assert_done(rewrite());
	assert_int_equal(last[600 - 512], 0x4242);
	assert_int_equal(last[600 - 513], mfn[599].n);
}

static void leaf_must_be_an_ordinary_page(void **state)
{
	uint64_t leaf;

	(void)state;
	make(8, 1200);
	leaf = guest.leaf[1];
	guest.leaf[1] = 1200;
	assert_fails(rewrite(), EBADMSG, "pfn 0x4b0 should hold a part of the p2m");
	guest.leaf[1] = UINT64_MAX;
	assert_fails(rewrite(), EBADMSG, "should hold a part of the p2m");
	guest.leaf[1] = leaf;
	type[leaf] = FRAME_L1;
	assert_fails(rewrite(), EBADMSG, "is not an ordinary page");
	type[leaf] = FRAME_XTAB;
	assert_fails(rewrite(), EBADMSG, "is not an ordinary page");
}

static void one_leaf_for_two_ranges_with_frames_is_refused(void **state)
{
	(void)state;
	make(8, 1200);
	guest.leaf[1] = guest.leaf[0];
	assert_fails(rewrite(), EBADMSG, "two different parts");
}

/* Linux has one page of holes for all ranges without frames. */
static void one_leaf_for_many_ranges_of_holes(void **state)
{
	(void)state;
	make(8, 3000);
	for (uint64_t pfn = 512; pfn < 2048; pfn++)
		hole(pfn, INVALID_FRAME);
	guest.leaf[2] = guest.leaf[3] = guest.leaf[1];
	assert_done(rewrite());
	assert_int_equal(entry(600), INVALID_FRAME);
	assert_int_equal(entry(2500), mfn[2500].n);
	/* One frame among them, first or last, is one too many. */
	mfn[600] = MFN(5);
	assert_fails(rewrite(), EBADMSG, "two different parts");
	mfn[600] = MFN(INVALID_FRAME);
	mfn[1600] = MFN(5);
	assert_fails(rewrite(), EBADMSG, "two different parts");
}

static void failed_map_is_reported(void **state)
{
	(void)state;
	make(8, 600);
	fake_fail_at = fake_calls + 1;
	assert_fails(rewrite(), EFAULT, "fake: call");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(entries_are_rewritten),
		TEST(compat_entries_are_rewritten),
		TEST(what_follows_the_last_entry_stays),
		TEST(leaf_must_be_an_ordinary_page),
		TEST(one_leaf_for_two_ranges_with_frames_is_refused),
		TEST(one_leaf_for_many_ranges_of_holes),
		TEST(failed_map_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
