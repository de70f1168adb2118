/*
 * stream/reader.c, writer.c, feed-*.c: what is written is read again, as an
 * image and as a plain xl file; what stands in the wrong place, is of the
 * wrong length, cut or flipped is told apart.
 */
#include "unit.h"

#include <endian.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/reader.h"
#include "stream/writer.h"

#define CONFIG "{ \"c_info\": { } }"

static struct bytes stream;	/* of records, with the headers before */
static int fd = -1;

static void put_headers(uint32_t version)
{
	struct xl_header xl = { .byteorder = XL_BYTEORDER, .mandatory_flags = XL_FLAG_JSON | XL_FLAG_STREAM_V2,
				.optional_bytes = 4 + sizeof(CONFIG) };
	uint32_t config = sizeof(CONFIG);
	struct libxl_header libxl = { htobe64(LIBXL_MAGIC), htobe32(LIBXL_VERSION), 0 };
	struct image_header image = { .marker = IMAGE_MARKER, .id_be = htobe32(IMAGE_ID),
				      .version_be = htobe32(version) };
	struct domain_header domain = { DOMAIN_X86_PV, PAGE_BITS, 0, 4, 17 };

	memcpy(xl.magic, XL_MAGIC, sizeof(xl.magic));
	bytes_put(&stream, &xl, sizeof(xl));
	bytes_put(&stream, &config, sizeof(config));
	bytes_put(&stream, CONFIG, sizeof(CONFIG));
	bytes_put(&stream, &libxl, sizeof(libxl));
	record_put(&stream, LIBXL_LIBXC_CONTEXT, NULL, 0);
	bytes_put(&stream, &image, sizeof(image));
	bytes_put(&stream, &domain, sizeof(domain));
}

/* A record with a content of so many bytes, all of them its type. */
static void put(uint32_t type, uint32_t bytes)
{
	uint8_t *content = calloc(bytes + 1, 1);

	memset(content, type, bytes);
	record_put(&stream, type, content, bytes);
	free(content);
}

static int setup(void **state)
{
	(void)state;
	fd = memfd_create("stream", MFD_CLOEXEC);
	put_headers(IMAGE_VERSION);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bytes_release(&stream);
	close(fd);
	fail_forget();
	return 0;
}

/* Everything up to where a writer would put the memory. */
static void put_opening(void)
{
	put(RECORD_X86_PV_INFO, 8);
	put(RECORD_X86_CPUID_POLICY, 48);
	put(RECORD_STATIC_DATA_END, 0);
	put(RECORD_X86_PV_P2M_FRAMES, 24);
}

static void put_end(void)
{
	put(RECORD_END, 0);
	record_put(&stream, LIBXL_END, NULL, 0);
}

/* Into the file, one group for each record after the headers, or all as it is. */
static void write_stream(int level)
{
	struct channel to;
	struct writer writer;
	struct bytes group;
	size_t at = 48 + 4 + sizeof(CONFIG) + 16 + 8 + 24 + 16, start = 0;

	assert_done(channel_init(&to, fd, "the image"));
	assert_done(writer_init(&writer, &to, level, 7, "{\"a\": 1}"));
	while (at <= stream.count) {
		struct record_header *header = (void *)(stream.at + at);

		group = (struct bytes){ stream.at + start, at - start, 0, false };
		assert_done(writer_group(&writer, &group));
		start = at;
		if (at == stream.count)
			break;
		/* libxl's END stands with libxc's. */
		at += sizeof(*header) + ((header->bytes + 7) & ~7u) + (header->type == RECORD_END ? 8 : 0);
	}
	assert_done(writer_finish(&writer));
	writer_release(&writer);
	channel_release(&to);
}

static struct reader *reader;
static struct channel from;

static int open_reader(void)
{
	lseek(fd, 0, SEEK_SET);
	assert_done(channel_init(&from, fd, "the image"));
	return reader_open(&reader, &from, 2);
}

/* 0 or the first failure; each record must be the next one of the stream. */
static int read_stream(void)
{
	size_t at = 48 + 4 + sizeof(CONFIG) + 16 + 8 + 24 + 16;
	struct record record;
	int rc = open_reader();

	if (rc)
		return rc;
	while ((rc = reader_next(reader, &record)) == 1) {
		struct record_header *header = (void *)(stream.at + at);

		while (header->type & RECORD_OPTIONAL) {
			at += sizeof(*header) + ((header->bytes + 7) & ~7u);
			header = (void *)(stream.at + at);
		}
		assert_int_equal(record.type, header->type);
		assert_int_equal(record.bytes, header->bytes);
		assert_memory_equal(record.body, header + 1, header->bytes);
		at += sizeof(*header) + ((header->bytes + 7) & ~7u);
		record_release(reader, &record);
	}
	reader_close(reader);
	channel_release(&from);
	return rc;
}

static int write_and_read(int level)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
	write_stream(level);
	return read_stream();
}

static void check_round_trip(int level)
{
	put_opening();
	for (int i = 0; i < 40; i++)
		put(RECORD_PAGE_DATA, 16 + i * 5000);
	put(RECORD_X86_TSC_INFO, 24);
	put(RECORD_SHARED_INFO, 4096);
	put(RECORD_X86_PV_VCPU_BASIC, 5176);
	if (level == LEVEL_PLAIN)
		put(RECORD_OPTIONAL | 0x42, 13);	/* to be skipped */
	put(RECORD_X86_PV_VCPU_XSAVE, 8 + 577);
	put_end();
	assert_done(write_and_read(level));
}

static void images_are_read(void **state)
{
	(void)state;
	check_round_trip(1);
	assert_done(open_reader());
	assert_true(reader_facts(reader)->is_image);
	assert_int_equal(reader_facts(reader)->frames, 7);
	assert_string_equal(reader_facts(reader)->provenance, "{\"a\": 1}");
	assert_string_equal(reader_facts(reader)->config, CONFIG);
	assert_int_equal(reader_facts(reader)->xen_minor, 17);
	reader_close(reader);	/* before its end */
	channel_release(&from);
}

static void images_of_any_level_are_read(void **state)
{
	(void)state;
	check_round_trip(LEVEL_LEAST);
	assert_done(write_and_read(9));
}

static void plain_files_are_read(void **state)
{
	(void)state;
	check_round_trip(LEVEL_PLAIN);
	assert_int_equal(lseek(fd, 0, SEEK_END), stream.count);
	assert_done(open_reader());
	assert_false(reader_facts(reader)->is_image);
	assert_null(reader_facts(reader)->provenance);
	assert_int_equal(reader_facts(reader)->version, 3);
	reader_close(reader);
	channel_release(&from);
}

/* A plain stream may be one of many in a pipe: nothing behind it is read. */
static void nothing_behind_a_plain_file_is_read(void **state)
{
	(void)state;
	put_opening();
	put_end();
	write_stream(LEVEL_PLAIN);
	assert_int_equal(write(fd, "more", 4), 4);
	assert_done(read_stream());
	assert_int_equal(lseek(fd, 0, SEEK_CUR), stream.count);
}

/* --- order, length, padding ------------------------------------------------ */

static void refuse(int error, const char *words)
{
	put_end();
	for (int level = LEVEL_PLAIN; level <= 1; level++)
		assert_fails(write_and_read(level), error, words);
}

static void records_come_in_order(void **state)
{
	(void)state;
	put(RECORD_STATIC_DATA_END, 0);
	refuse(EBADMSG, "record 0: STATIC_DATA_END out of order");
}

static void memory_comes_after_static_data(void **state)
{
	(void)state;
	put(RECORD_X86_PV_INFO, 8);
	put(RECORD_X86_PV_P2M_FRAMES, 24);
	refuse(EBADMSG, "record 1: X86_PV_P2M_FRAMES out of order");
}

static void pages_come_after_p2m_frames(void **state)
{
	(void)state;
	put(RECORD_X86_PV_INFO, 8);
	put(RECORD_STATIC_DATA_END, 0);
	put(RECORD_PAGE_DATA, 16);
	refuse(EBADMSG, "record 2: PAGE_DATA out of order");
}

static void policies_do_not_come_late(void **state)
{
	(void)state;
	put_opening();
	put(RECORD_X86_MSR_POLICY, 16);
	refuse(EBADMSG, "record 4: X86_MSR_POLICY out of order");
}

static void info_comes_once(void **state)
{
	(void)state;
	put(RECORD_X86_PV_INFO, 8);
	put(RECORD_X86_PV_INFO, 8);
	refuse(EBADMSG, "record 1: X86_PV_INFO out of order");
}

static void unknown_records_are_refused(void **state)
{
	(void)state;
	put(RECORD_X86_PV_INFO, 8);
	put(0x09, 8);	/* HVM_CONTEXT */
	refuse(EBADMSG, "record 1: unknown type 0x9");
}

/* Nobody has put it there but damage. */
static void images_have_no_optional_records(void **state)
{
	(void)state;
	put_opening();
	put(RECORD_OPTIONAL | 0x42, 13);
	put_end();
	assert_done(write_and_read(LEVEL_PLAIN));
	assert_fails(write_and_read(1), EBADMSG, "record 4: unknown type 0x80000042");
}

static void far_too_high_types_are_refused(void **state)
{
	(void)state;
	put(0x7fffffff, 8);
	refuse(EBADMSG, "unknown type 0x7fffffff");
}

/* Version 2 has no STATIC_DATA_END. */
static void old_streams_imply_it(void **state)
{
	(void)state;
	bytes_release(&stream);
	put_headers(2);
	put(RECORD_X86_PV_INFO, 8);
	put(RECORD_X86_PV_P2M_FRAMES, 24);
	put(RECORD_PAGE_DATA, 16);
	put_end();
	assert_done(write_and_read(LEVEL_PLAIN));
}

static const struct {
	uint32_t type, least, most;
} lengths[] = {
#define LENGTHS(name, number, first, last, next, least, most) { RECORD_##name, least, most },
	STREAM_RECORDS(LENGTHS)
};

static void lengths_are_checked(void **state)
{
	uint32_t type, bytes;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(lengths); i++) {
		char words[64];

		type = lengths[i / 2].type;
		bytes = i % 2 ? lengths[i / 2].most + 1 : lengths[i / 2].least - 1;
		if (bytes == UINT32_MAX || bytes > 1 << 20)
			continue;
		bytes_release(&stream);
		put_headers(IMAGE_VERSION);
		if (type != RECORD_X86_PV_INFO)
			put(RECORD_X86_PV_INFO, 8);
		if (type != RECORD_X86_PV_INFO && type != RECORD_STATIC_DATA_END &&
		    type != RECORD_X86_CPUID_POLICY && type != RECORD_X86_MSR_POLICY)
			put(RECORD_STATIC_DATA_END, 0);
		if (type == RECORD_PAGE_DATA || type == RECORD_VERIFY || type == RECORD_END)
			put(RECORD_X86_PV_P2M_FRAMES, 24);
		put(type, bytes);
		snprintf(words, sizeof(words), "%s of %u bytes", record_name(type), bytes);
		if (type == RECORD_END)
			continue;	/* it ends the writer's groups, too */
		refuse(EBADMSG, words);
	}
}

static void enormous_record_is_refused(void **state)
{
	struct record_header header = { RECORD_X86_PV_INFO, RECORD_MAX_BYTES + 1 };

	(void)state;
	bytes_put(&stream, &header, sizeof(header));
	assert_int_equal(write(fd, stream.at, stream.count), stream.count);
	assert_fails(read_stream(), EBADMSG, "134217729 bytes");
	header.bytes = UINT32_MAX;
	memcpy(stream.at + stream.count - sizeof(header), &header, sizeof(header));
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(write(fd, stream.at, stream.count), stream.count);
	assert_fails(read_stream(), EBADMSG, "4294967295 bytes");
}

static void padding_is_zero(void **state)
{
	(void)state;
	put_opening();
	put(RECORD_PAGE_DATA, 17);
	stream.at[stream.count - 1] = 1;
	refuse(EBADMSG, "record 4: PAGE_DATA is padded with other than zero");
}

static void end_is_the_end(void **state)
{
	(void)state;
	put_opening();
	put(RECORD_END, 0);
	record_put(&stream, LIBXL_LIBXC_CONTEXT, NULL, 0);
	for (int level = LEVEL_PLAIN; level <= 1; level++)
		assert_fails(write_and_read(level), EBADMSG, "libxl record 1 of 0 bytes where its END should be");
}

static void records_do_not_cross_frames(void **state)
{
	struct channel to;
	struct writer writer;
	struct bytes first, second;

	(void)state;
	put_opening();
	put_end();
	first = (struct bytes){ stream.at, stream.count - 20, 0, false };
	second = (struct bytes){ stream.at + stream.count - 20, 20, 0, false };
	assert_done(channel_init(&to, fd, "the image"));
	assert_done(writer_init(&writer, &to, 1, 0, "{}"));
	assert_done(writer_group(&writer, &first));
	assert_done(writer_group(&writer, &second));
	assert_done(writer_finish(&writer));
	writer_release(&writer);
	assert_fails(read_stream(), EBADMSG, "a record crosses its end");
}

/* --- damage ----------------------------------------------------------------- */

static void small_image(void)
{
	put_opening();
	put(RECORD_PAGE_DATA, 3000);
	put_end();
	write_stream(1);
}

static void every_cut_is_noticed(void **state)
{
	off_t whole;
	int rc;

	(void)state;
	small_image();
	whole = lseek(fd, 0, SEEK_END);
	for (off_t cut = whole - 1; cut >= 0; cut -= 1 + cut % 7) {
		assert_int_equal(ftruncate(fd, cut), 0);
		rc = read_stream();
		assert_int_equal(rc, cut < 4 ? -EMEDIUMTYPE : -ENODATA);
		assert_string_not_equal(fail_reason(), "");
		fail_forget();
	}
}

static void every_flip_is_noticed(void **state)
{
	off_t whole;

	(void)state;
	small_image();
	whole = lseek(fd, 0, SEEK_END);
	for (off_t at = 0; at < whole; at++) {
		uint8_t byte, flipped;

		pread(fd, &byte, 1, at);
		flipped = byte ^ 1 << at % 8;
		pwrite(fd, &flipped, 1, at);
		if (read_stream() >= 0)
			fail_test("byte %ld can be %#x instead of %#x", at, flipped, byte);
		fail_forget();
		pwrite(fd, &byte, 1, at);
	}
	assert_done(read_stream());
}

static void more_behind_an_image_is_refused(void **state)
{
	(void)state;
	small_image();
	assert_int_equal(write(fd, "x", 1), 1);
	assert_fails(read_stream(), EBADMSG, "something follows the seek table");
}

static void cut_plain_file_is_noticed(void **state)
{
	(void)state;
	put_opening();
	put_end();
	write_stream(LEVEL_PLAIN);
	for (off_t cut = stream.count - 1; cut >= 4; cut -= 3) {
		assert_int_equal(ftruncate(fd, cut), 0);
		assert_fails(read_stream(), ENODATA, "is cut short: it ends at byte");
	}
}

static void what_is_no_image_is_refused(void **state)
{
	static const struct { const char *content; size_t bytes; const char *words; } files[] = {
		{ "", 0, "is empty" },
		{ "ab", 2, "too short" },
		{ "#!/bin/sh\n", 10, "is neither an image of pvferry nor an xl save file" },
		{ "\x28\xb5\x2f\xfd....", 8, "pipe it through zstd -dc" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		pwrite(fd, files[i].content, files[i].bytes, 0);
		assert_fails(read_stream(), EMEDIUMTYPE, files[i].words);
	}
}

/* Offsets into the headers, a byte to put there, what a plain file with it is, and an image. */
static void headers_are_checked(void **state)
{
	enum { LIBXL = 48 + 4 + sizeof(CONFIG), IMAGE = LIBXL + 24, DOMAIN = IMAGE + 24 };
	static const struct { size_t at; uint8_t byte; int plain, image; const char *words; } cases[] = {
		{ 5, 'x', EMEDIUMTYPE, EBADMSG, "not an xl save file of this byte order" },
		{ 32, 0, EMEDIUMTYPE, EBADMSG, "byte order" },
		{ 36, 7, EMEDIUMTYPE, EBADMSG, "unknown mandatory flags 0x7" },
		{ 36, 1, EMEDIUMTYPE, EBADMSG, "before Xen 4.6" },
		{ 47, 0x7f, EBADMSG, EBADMSG, "bytes of optional data" },
		{ 48, 0xff, EBADMSG, EBADMSG, "a config of 255 bytes does not fit" },
		{ LIBXL, 0, EBADMSG, EBADMSG, "libxl header: wrong magic" },
		{ LIBXL + 11, 3, EMEDIUMTYPE, EBADMSG, "libxl header: version 3" },
		{ LIBXL + 16, 2, EBADMSG, EBADMSG, "libxl record 2" },
		{ IMAGE, 0, EBADMSG, EBADMSG, "wrong marker" },
		{ IMAGE + 15, 4, EMEDIUMTYPE, EBADMSG, "libxc stream of version 4" },
		{ IMAGE + 15, 1, EMEDIUMTYPE, EBADMSG, "libxc stream of version 1" },
		{ DOMAIN, 2, EMEDIUMTYPE, EBADMSG, "an HVM or PVH domain" },
		{ DOMAIN, 9, EMEDIUMTYPE, EBADMSG, "domain header: type 9" },
		{ DOMAIN + 4, 13, EMEDIUMTYPE, EBADMSG, "pages of 2^13 bytes" },
	};

	(void)state;
	put_opening();
	put_end();
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t old = stream.at[cases[i].at];

		stream.at[cases[i].at] = cases[i].byte;
		assert_fails(write_and_read(LEVEL_PLAIN), cases[i].plain, cases[i].words);
		assert_fails(write_and_read(1), cases[i].image, cases[i].words);
		stream.at[cases[i].at] = old;
	}
}

static void newer_image_is_told(void **state)
{
	uint32_t version = IMAGE_FORMAT_VERSION + 1;

	(void)state;
	small_image();
	pwrite(fd, &version, sizeof(version), 8 + 8);
	assert_fails(read_stream(), EMEDIUMTYPE, "image version 2: this program knows up to 1");
}

/* Records may be held while others are read, and released in any order. */
static void records_can_be_held(void **state)
{
	struct record records[6];

	(void)state;
	put_opening();
	put(RECORD_PAGE_DATA, 100);
	put(RECORD_PAGE_DATA, 200);
	put_end();
	write_stream(1);
	assert_done(open_reader());
	for (int i = 0; i < 6; i++)
		assert_int_equal(reader_next(reader, &records[i]), 1);
	assert_int_equal(records[4].body[99], RECORD_PAGE_DATA);
	assert_int_equal(records[4].number, 4);
	for (int i = 5; i >= 0; i--)
		record_release(reader, &records[i]);
	assert_true(reader_expanded(reader) > 0);
	reader_close(reader);
	reader_close(NULL);
	channel_release(&from);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(images_are_read), TEST(images_of_any_level_are_read), TEST(plain_files_are_read),
		TEST(nothing_behind_a_plain_file_is_read), TEST(records_come_in_order),
		TEST(memory_comes_after_static_data), TEST(pages_come_after_p2m_frames),
		TEST(policies_do_not_come_late), TEST(info_comes_once), TEST(unknown_records_are_refused),
		TEST(images_have_no_optional_records), TEST(far_too_high_types_are_refused),
		 TEST(old_streams_imply_it), TEST(lengths_are_checked),
		TEST(enormous_record_is_refused), TEST(padding_is_zero), TEST(end_is_the_end),
		TEST(records_do_not_cross_frames), TEST(every_cut_is_noticed), TEST(every_flip_is_noticed),
		TEST(more_behind_an_image_is_refused), TEST(cut_plain_file_is_noticed),
		TEST(what_is_no_image_is_refused), TEST(headers_are_checked), TEST(newer_image_is_told),
		TEST(records_can_be_held),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
