/*
 * migrate/ and restore/ together: a guest is sent into a file and built again
 * on other frames of the fake machine, and is the same guest.
 */
#include "unit.h"

#include <unistd.h>

#include "fake/ferry.h"
#include "p2m/p2m.h"

static int setup(void **state)
{
	(void)state;
	ferry_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ferry_close();
	return 0;
}

static uint64_t *pfns_by_mfn(const mfn_t *mfn)
{
	uint64_t *pfn_of = malloc(FAKE_FRAMES * sizeof(*pfn_of));

	memset(pfn_of, 0xff, FAKE_FRAMES * sizeof(*pfn_of));
	for (uint64_t pfn = 0; pfn < ferry.guest.count; pfn++)
		if (mfn_is_valid(mfn[pfn]))
			pfn_of[mfn[pfn].n] = pfn;
	return pfn_of;
}

static void compare_table(uint64_t pfn, const uint64_t *was_pfn, const uint64_t *is_pfn)
{
	const uint64_t *was = guest_page(&ferry.guest, pfn), *is = fake_page(ferry.restoration.mfn[pfn]);
	unsigned int xen_first, xen_count;

	xen_slots(ferry.guest.layout->width, frame_level(fake_frame(ferry.guest.mfn[pfn])->type), &xen_first,
		  &xen_count);
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++) {
		if (slot - xen_first < xen_count)
			continue;
		if (!(was[slot] & PTE_PRESENT))
			assert_int_equal(is[slot], was[slot]);
		else if (was_pfn[pte_frame(was[slot])] != is_pfn[pte_frame(is[slot])] ||
			 (was[slot] & ~PTE_FRAME_MASK) != (is[slot] & ~PTE_FRAME_MASK))
			fail_test("pfn %#lx slot %u: %#lx was %#lx", pfn, slot, is[slot], was[slot]);
	}
}

static bool is_rewritten(uint64_t pfn)
{
	for (uint64_t i = 0; i < ferry.guest.leaves; i++)
		if (ferry.guest.leaf[i] == pfn)
			return true;
	return pfn == vcpus_start_info(&ferry.restoration.incoming.machine).n;
}

static void compare_memory(void)
{
	uint64_t *was_pfn = pfns_by_mfn(ferry.guest.mfn), *is_pfn = pfns_by_mfn(ferry.restoration.mfn);

	assert_int_equal(ferry.restoration.incoming.count, ferry.guest.count);
	for (uint64_t pfn = 0; pfn < ferry.guest.count; pfn++) {
		unsigned int type = mfn_is_valid(ferry.guest.mfn[pfn])
					  ? fake_frame(ferry.guest.mfn[pfn])->type
					  : FRAME_XTAB;

		if (type == FRAME_XTAB) {
			assert_false(mfn_is_valid(ferry.restoration.mfn[pfn]));
			continue;
		}
		if (fake_frame(ferry.restoration.mfn[pfn])->type != type)
			fail_test("pfn %#lx: type %#x, not %#x", pfn,
				  fake_frame(ferry.restoration.mfn[pfn])->type, type);
		if (frame_level(type))
			compare_table(pfn, was_pfn, is_pfn);
		else if (!is_rewritten(pfn))
			assert_memory_equal(guest_page(&ferry.guest, pfn),
					    fake_page(ferry.restoration.mfn[pfn]), PAGE_BYTES);
	}
	free(was_pfn);
	free(is_pfn);
}

static void compare_p2m(void)
{
	uint64_t per_page = p2m_per_page(ferry.guest.layout);

	for (uint64_t pfn = 0; pfn < ferry.guest.count; pfn++) {
		const uint8_t *leaf = fake_page(ferry.restoration.mfn[ferry.guest.leaf[pfn / per_page]]);

		assert_int_equal(
			word_get(ferry.guest.layout, leaf, pfn % per_page * ferry.guest.layout->width),
			ferry.restoration.mfn[pfn].n);
	}
}

static void compare(const char *name)
{
	struct domain *domain = ferry.restoration.domain;
	char path[64];

	compare_memory();
	compare_p2m();
	assert_true(domain->is_paused);
	assert_int_equal(domain->width, ferry.guest.layout->width);
	assert_int_equal(domain->tsc.khz, 1234);
	assert_int_equal(domain->frames, ferry.guest.count - 100);
	assert_int_equal(domain->granted[0].n, ferry.restoration.connections.console.n);
	assert_int_equal(domain->ring.n, ferry.restoration.connections.store.n);
	for (int vcpu = 0; vcpu < 3; vcpu++)
		for (int kind = VCPU_EXTENDED; kind < VCPU_STATES; kind++) {
			assert_int_equal(domain->vcpus[vcpu].bytes[kind],
					 ferry.guest.domain->vcpus[vcpu].bytes[kind]);
			if (domain->vcpus[vcpu].bytes[kind])
				assert_memory_equal(domain->vcpus[vcpu].state[kind],
						    ferry.guest.domain->vcpus[vcpu].state[kind],
						    domain->vcpus[vcpu].bytes[kind]);
		}
	snprintf(path, sizeof(path), "/local/domain/%u/name", domain->id);
	assert_string_equal(fake_store_at(path), name);
}

static void there_and_back(unsigned int width, enum p2m_form form, int level)
{
	ferry_make(width, form, 20000);
	assert_done(ferry_save(level));
	assert_true(ferry.migration.is_suspended);
	assert_int_equal(ferry.migration.p2m.form, form);
	assert_int_equal(ferry.migration.figures.pfns, 20000);
	assert_int_equal(ferry.migration.figures.frames, 19900);
	assert_int_equal(ferry.migration.figures.pinned, 1);
	assert_done(ferry_verify());
	assert_done(ferry_restore("web2"));
	compare("web2");
}

static void wide_linear(void **state)
{
	(void)state;
	there_and_back(8, P2M_LINEAR, LEVEL_DEFAULT);
	/* Beside the one it came from it is another domain. */
	assert_memory_not_equal(ferry.restoration.domain->uuid, ferry.guest.domain->uuid, 16);
}

static void wide_list_plain(void **state)
{
	(void)state;
	there_and_back(8, P2M_LIST, LEVEL_PLAIN);
}

static void compat_linear(void **state)
{
	(void)state;
	there_and_back(4, P2M_LINEAR, LEVEL_DEFAULT);
}

static void compat_list_plain(void **state)
{
	(void)state;
	there_and_back(4, P2M_LIST, LEVEL_PLAIN);
}

/* --- a stream of a guest that ran meanwhile ------------------------------------------ */

/* As before its last round: other data, and tables are ordinary pages. */
static void spoil(uint8_t *content, uint32_t bytes)
{
	struct page_data data;
	uint8_t *at = content + sizeof(data);

	memcpy(&data, content, sizeof(data));
	for (uint32_t i = 0; i < data.count; i++, at += sizeof(uint64_t)) {
		uint64_t frame;

		memcpy(&frame, at, sizeof(frame));
		if (frame_level(frame >> 60))
			frame &= FRAME_PFN_MASK;
		memcpy(at, &frame, sizeof(frame));
	}
	for (; at < content + bytes; at++)
		*at ^= 0x11;
}

/* Each PAGE_DATA record twice: first spoilt, then as it was. */
static void repeat_pages(void)
{
	off_t count = lseek(ferry.fd, 0, SEEK_END);
	uint8_t *bytes = malloc(count);
	size_t at = sizeof(struct xl_header), length;
	struct bytes out = { 0 };

	assert_int_equal(pread(ferry.fd, bytes, count, 0), count);
	at += ((struct xl_header *)bytes)->optional_bytes + sizeof(struct libxl_header) +
	      sizeof(struct record_header) + sizeof(struct image_header) + sizeof(struct domain_header);
	bytes_put(&out, bytes, at);
	for (; at < (size_t)count; at += length) {
		struct record_header header;
		size_t place = out.count;

		memcpy(&header, bytes + at, sizeof(header));
		length = sizeof(header) + ((header.bytes + 7) & ~7u);
		bytes_put(&out, bytes + at, length);
		if (header.type != RECORD_PAGE_DATA)
			continue;
		spoil(out.at + place + sizeof(header), header.bytes);
		bytes_put(&out, bytes + at, length);
	}
	assert_int_equal(pwrite(ferry.fd, out.at, out.count, 0), out.count);
	bytes_release(&out);
	free(bytes);
}

static void last_of_each_pfn_counts(void **state)
{
	(void)state;
	ferry_make(8, P2M_LINEAR, 3000);
	assert_done(ferry_save(LEVEL_PLAIN));
	repeat_pages();
	assert_done(ferry_verify());
	assert_done(ferry_restore("web2"));
	compare("web2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(wide_linear),	 TEST(wide_list_plain),		TEST(compat_linear),
		TEST(compat_list_plain), TEST(last_of_each_pfn_counts),
	};

	alarm(300); /* whoever still waits then waits for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
