/*
 * restore/receive-batch.c: streams that migrate/ does not make, but another
 * writer may: the guest grows between any two records, a record names a pfn
 * more than once. SAN=thread finds what races here.
 */
#include "unit.h"

#include <unistd.h>

#include "fake/ferry.h"
#include "fake/stream.h"

enum { PFNS = 20000, AGAIN = 600, HOLE = 601 /* both were holes */, PART = BATCH_PAGES };

static struct bytes image; /* the plain file, edited */
static size_t at;	   /* of the record that is next */

static int setup(void **state)
{
	(void)state;
	ferry_open();
	ferry_make(8, P2M_LINEAR, PFNS);
	assert_done(ferry_save(LEVEL_PLAIN));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ferry_close();
	bytes_release(&image);
	return 0;
}

/* --- editing -------------------------------------------------------------- */

/* A record, copied to where it is aligned, which it need not be behind a config; the caller frees it. */
static struct record_header *record_of(const struct bytes *bytes, size_t *whole)
{
	struct record_header header, *record;

	memcpy(&header, bytes->at + at, sizeof(header));
	*whole = sizeof(header) + ((header.bytes + 7) & ~7u);
	record = malloc(*whole);
	assert_non_null(record);
	memcpy(record, bytes->at + at, *whole);
	return record;
}

/* What was saved; at is where its records begin. */
static struct bytes take_image(void)
{
	struct bytes saved = { 0 };
	struct xl_header xl;
	size_t count = lseek(ferry.fd, 0, SEEK_END);

	assert_int_equal(pread(ferry.fd, bytes_grow(&saved, count), count, 0), count);
	memcpy(&xl, saved.at, sizeof(xl));
	at = sizeof(xl) + xl.optional_bytes + sizeof(struct libxl_header) + sizeof(struct record_header) +
	     sizeof(struct image_header) + sizeof(struct domain_header);
	return saved;
}

static void put_image(void)
{
	assert_int_equal(pwrite(ferry.fd, image.at, image.count, 0), image.count);
	assert_int_equal(ftruncate(ferry.fd, image.count), 0);
}

/* Makes the image anew, record by record. */
static void edit(void (*each)(const struct record_header *record))
{
	struct bytes saved = take_image();
	uint32_t type;

	bytes_put(&image, saved.at, at);
	do {
		size_t bytes;
		struct record_header *record = record_of(&saved, &bytes);

		type = record->type;
		each(record);
		free(record);
		at += bytes;
	} while (type != RECORD_END);
	bytes_put(&image, saved.at + at, saved.count - at);
	bytes_release(&saved);
	put_image();
}

static void keep(const struct record_header *record)
{
	record_put(&image, record->type, record + 1, record->bytes);
}

/* --- checks --------------------------------------------------------------- */

static const uint8_t *page_there(uint64_t pfn)
{
	return fake_page(ferry.restoration.mfn[pfn]);
}

static void all_pages_are_there(void)
{
	for (uint64_t pfn = 0; pfn < 500; pfn++)
		assert_memory_equal(page_there(pfn), guest_page(&ferry.guest, pfn), PAGE_BYTES);
}

/* --- a guest that grows ---------------------------------------------------- */

static void put_leaf(uint64_t window)
{
	uint64_t end = (window + 1) * PART < PFNS ? (window + 1) * PART : PFNS;
	struct {
		struct p2m_frames frames;
		uint64_t leaf;
	} body = { { window * PART, end - 1 }, ferry.guest.leaf[window] };

	record_put(&image, RECORD_X86_PV_P2M_FRAMES, &body, sizeof(body));
}

/* Before each window of 512 pfns its own leaf of the p2m. */
static void grow(const struct record_header *record)
{
	static uint64_t window;

	if (record->type == RECORD_X86_PV_INFO)
		window = 0;
	if (record->type == RECORD_X86_PV_P2M_FRAMES)
		return;
	if (record->type == RECORD_PAGE_DATA)
		put_leaf(window++);
	keep(record);
}

static void guest_grows_while_copies_are_under_way(void **state)
{
	(void)state;
	edit(grow);
	assert_done(ferry_restore("web2"));
	assert_int_equal(ferry.restoration.incoming.count, PFNS);
	all_pages_are_there();
}

/* --- a pfn again ----------------------------------------------------------- */

static unsigned int distance; /* words between the pfn and itself */

/* Behind the second window a record with a page of 1s for the pfn, then holes, then a page of 2s. */
static void repeat(const struct record_header *record)
{
	static unsigned int windows;
	static uint64_t body[1 + 2 * PART + 2 * TABLE_SLOTS];

	keep(record);
	windows = record->type == RECORD_PAGE_DATA ? windows + 1 : 0;
	if (windows != 2)
		return;
	body[0] = distance + 1;
	for (unsigned int i = 1; i <= distance; i++)
		body[1 + i] = (uint64_t)FRAME_XTAB << 60 | HOLE;
	body[1] = body[1 + distance] = AGAIN;
	memset(body + 2 + distance, 1, PAGE_BYTES);
	memset(body + 2 + distance + TABLE_SLOTS, 2, PAGE_BYTES);
	record_put(&image, RECORD_PAGE_DATA, body, (2 + distance) * sizeof(*body) + 2 * PAGE_BYTES);
}

static _Atomic unsigned int maps;

/* The third mapping, behind those of two windows, is that of the pfn where it comes first. */
static void dawdle(void)
{
	if (++maps == 3)
		usleep(50000);
}

static void last_word_on_a_pfn_counts(void **state)
{
	static const unsigned int distances[] = { 1, 2, PART - 1, PART, PART + 1, 2 * PART - 1 };

	(void)state;
	for (unsigned int i = 0; i < COUNT(distances); i++) {
		const uint8_t *page;

		ferry_release();
		ferry.guest.domain->is_suspended = false;
		assert_done(ferry_save(LEVEL_PLAIN));
		distance = distances[i];
		bytes_release(&image);
		edit(repeat);
		maps = 0;
		fake_on_map = dawdle;
		assert_done(ferry_restore("web2"));
		fake_on_map = NULL;
		page = page_there(AGAIN);
		assert_int_equal(page[0], 2);
		assert_memory_equal(page, page + 1, PAGE_BYTES - 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(guest_grows_while_copies_are_under_way),
		TEST(last_word_on_a_pfn_counts),
	};

	alarm(300); /* a thread that still waits then waits for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
