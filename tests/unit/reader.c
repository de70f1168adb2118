/*
 * stream/reader.c, cursor.c, writer.c, feed-*.c: what is written is read
 * again, as an image and as a plain xl file; what stands in the wrong place or
 * is of the wrong length is refused.
 */
#include "unit.h"

#include <unistd.h>

#include "fake/stream.h"

static int setup(void **state)
{
	(void)state;
	stream_begin(IMAGE_VERSION);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stream_end();
	fail_forget();
	return 0;
}

static void check_round_trip(int level)
{
	stream_put_opening();
	for (int i = 0; i < 40; i++)
		stream_put(RECORD_PAGE_DATA, 16 + i * 5000);
	stream_put(RECORD_X86_TSC_INFO, 24);
	stream_put(RECORD_SHARED_INFO, 4096);
	stream_put(RECORD_X86_PV_VCPU_BASIC, 5176);
	if (level == LEVEL_PLAIN)
		stream_put(RECORD_OPTIONAL | 0x42, 13); /* to be skipped */
	stream_put(RECORD_X86_PV_VCPU_XSAVE, 8 + 577);
	stream_put_end();
	assert_done(stream_write_and_read(level));
}

static void images_are_read(void **state)
{
	(void)state;
	check_round_trip(1);
	assert_done(stream_open());
	assert_true(reader_facts(stream.reader)->is_image);
	assert_int_equal(reader_facts(stream.reader)->frames, 7);
	assert_string_equal(reader_facts(stream.reader)->provenance, "{\"a\": 1}");
	assert_string_equal(reader_facts(stream.reader)->config, STREAM_CONFIG);
	assert_int_equal(reader_facts(stream.reader)->xen_minor, 17);
	reader_close(stream.reader); /* before its end */
	channel_release(&stream.from);
}

static void images_of_any_level_are_read(void **state)
{
	(void)state;
	check_round_trip(LEVEL_LEAST);
	assert_done(stream_write_and_read(9));
}

static void plain_files_are_read(void **state)
{
	(void)state;
	check_round_trip(LEVEL_PLAIN);
	assert_int_equal(lseek(stream.fd, 0, SEEK_END), stream.bytes.count);
	assert_done(stream_open());
	assert_false(reader_facts(stream.reader)->is_image);
	assert_null(reader_facts(stream.reader)->provenance);
	assert_int_equal(reader_facts(stream.reader)->version, 3);
	reader_close(stream.reader);
	channel_release(&stream.from);
}

/* A plain stream may be one of many in a pipe: nothing behind it is read. */
static void nothing_behind_a_plain_stream_is_read(void **state)
{
	struct channel from;
	struct reader *reader;
	struct record record;
	char more[5] = "";
	int fds[2], rc;

	(void)state;
	stream_put_opening();
	stream_put_end();
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], stream.bytes.at, stream.bytes.count), stream.bytes.count);
	assert_int_equal(write(fds[1], "more", 4), 4);
	assert_done(channel_init(&from, fds[0], "the pipe"));
	assert_done(reader_open(&reader, &from, 2));
	while ((rc = reader_next(reader, &record)) > 0)
		record_release(reader, &record);
	assert_done(rc);
	reader_close(reader);
	assert_int_equal(read(fds[0], more, 4), 4);
	assert_string_equal(more, "more");
	channel_release(&from);
	close(fds[0]);
	close(fds[1]);
}

static void more_behind_a_plain_file_is_refused(void **state)
{
	char words[64];

	(void)state;
	stream_put_opening();
	stream_put_end();
	stream_write(LEVEL_PLAIN);
	snprintf(words, sizeof(words), "last record; head -c %zu gives", stream.bytes.count);
	assert_int_equal(write(stream.fd, "more", 4), 4);
	assert_fails(stream_read(), EBADMSG, words);
}

/* --- order, length, padding ------------------------------------------------ */

static void refuse(int error, const char *words)
{
	stream_put_end();
	for (int level = LEVEL_PLAIN; level <= 1; level++)
		assert_fails(stream_write_and_read(level), error, words);
}

static void records_come_in_order(void **state)
{
	(void)state;
	stream_put(RECORD_STATIC_DATA_END, 0);
	refuse(EBADMSG, "record 0: STATIC_DATA_END out of order");
}

static void memory_comes_after_static_data(void **state)
{
	(void)state;
	stream_put(RECORD_X86_PV_INFO, 8);
	stream_put(RECORD_X86_PV_P2M_FRAMES, 24);
	refuse(EBADMSG, "record 1: X86_PV_P2M_FRAMES out of order");
}

static void pages_come_after_p2m_frames(void **state)
{
	(void)state;
	stream_put(RECORD_X86_PV_INFO, 8);
	stream_put(RECORD_STATIC_DATA_END, 0);
	stream_put(RECORD_PAGE_DATA, 16);
	refuse(EBADMSG, "record 2: PAGE_DATA out of order");
}

static void policies_do_not_come_late(void **state)
{
	(void)state;
	stream_put_opening();
	stream_put(RECORD_X86_MSR_POLICY, 16);
	refuse(EBADMSG, "record 4: X86_MSR_POLICY out of order");
}

static void info_comes_once(void **state)
{
	(void)state;
	stream_put(RECORD_X86_PV_INFO, 8);
	stream_put(RECORD_X86_PV_INFO, 8);
	refuse(EBADMSG, "record 1: X86_PV_INFO out of order");
}

static void unknown_records_are_refused(void **state)
{
	(void)state;
	stream_put(RECORD_X86_PV_INFO, 8);
	stream_put(0x09, 8); /* HVM_CONTEXT */
	refuse(EBADMSG, "record 1: unknown type 0x9");
}

/* Nobody has put it there but damage. */
static void images_have_no_optional_records(void **state)
{
	(void)state;
	stream_put_opening();
	stream_put(RECORD_OPTIONAL | 0x42, 13);
	stream_put_end();
	assert_done(stream_write_and_read(LEVEL_PLAIN));
	assert_fails(stream_write_and_read(1), EBADMSG, "record 4: unknown type 0x80000042");
}

static void far_too_high_types_are_refused(void **state)
{
	(void)state;
	stream_put(0x7fffffff, 8);
	refuse(EBADMSG, "unknown type 0x7fffffff");
}

/* Version 2 has no STATIC_DATA_END. */
static void old_streams_imply_it(void **state)
{
	(void)state;
	bytes_release(&stream.bytes);
	stream_put_headers(2);
	stream_put(RECORD_X86_PV_INFO, 8);
	stream_put(RECORD_X86_PV_P2M_FRAMES, 24);
	stream_put(RECORD_PAGE_DATA, 16);
	stream_put_end();
	assert_done(stream_write_and_read(LEVEL_PLAIN));
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
		bytes_release(&stream.bytes);
		stream_put_headers(IMAGE_VERSION);
		if (type != RECORD_X86_PV_INFO)
			stream_put(RECORD_X86_PV_INFO, 8);
		if (type != RECORD_X86_PV_INFO && type != RECORD_STATIC_DATA_END &&
		    type != RECORD_X86_CPUID_POLICY && type != RECORD_X86_MSR_POLICY)
			stream_put(RECORD_STATIC_DATA_END, 0);
		if (type == RECORD_PAGE_DATA || type == RECORD_VERIFY || type == RECORD_END)
			stream_put(RECORD_X86_PV_P2M_FRAMES, 24);
		stream_put(type, bytes);
		snprintf(words, sizeof(words), "%s of %u bytes", record_name(type), bytes);
		if (type == RECORD_END)
			continue; /* it ends the writer's groups, too */
		refuse(EBADMSG, words);
	}
}

static void enormous_record_is_refused(void **state)
{
	struct record_header header = { RECORD_X86_PV_INFO, RECORD_MAX_BYTES + 1 };

	(void)state;
	bytes_put(&stream.bytes, &header, sizeof(header));
	assert_int_equal(write(stream.fd, stream.bytes.at, stream.bytes.count), stream.bytes.count);
	assert_fails(stream_read(), EBADMSG, "10485761 bytes");
	header.bytes = UINT32_MAX;
	memcpy(stream.bytes.at + stream.bytes.count - sizeof(header), &header, sizeof(header));
	lseek(stream.fd, 0, SEEK_SET);
	assert_int_equal(write(stream.fd, stream.bytes.at, stream.bytes.count), stream.bytes.count);
	assert_fails(stream_read(), EBADMSG, "4294967295 bytes");
}

static void padding_is_zero(void **state)
{
	(void)state;
	stream_put_opening();
	stream_put(RECORD_PAGE_DATA, 17);
	stream.bytes.at[stream.bytes.count - 1] = 1;
	refuse(EBADMSG, "record 4: PAGE_DATA is padded with other than zero");
}

static void end_is_the_end(void **state)
{
	(void)state;
	stream_put_opening();
	stream_put(RECORD_END, 0);
	record_put(&stream.bytes, LIBXL_LIBXC_CONTEXT, NULL, 0);
	for (int level = LEVEL_PLAIN; level <= 1; level++)
		assert_fails(stream_write_and_read(level), EBADMSG,
			     "libxl record 1 of 0 bytes where its END should be");
}

static void records_do_not_cross_frames(void **state)
{
	struct channel to;
	struct writer writer;
	struct bytes first, second;

	(void)state;
	stream_put_opening();
	stream_put_end();
	first = (struct bytes){ stream.bytes.at, stream.bytes.count - 20, 0, false };
	second = (struct bytes){ stream.bytes.at + stream.bytes.count - 20, 20, 0, false };
	assert_done(channel_init(&to, stream.fd, "the image"));
	assert_done(writer_init(&writer, &to, 1, &(struct writer_head){ .json = "{}" }));
	assert_done(writer_group(&writer, &first));
	assert_done(writer_group(&writer, &second));
	assert_done(writer_finish(&writer));
	writer_release(&writer);
	assert_fails(stream_read(), EBADMSG, "a record crosses its end");
}

/* Records may be held while others are read, and released in any order. */
static void records_can_be_held(void **state)
{
	struct record records[6];

	(void)state;
	stream_put_opening();
	stream_put(RECORD_PAGE_DATA, 100);
	stream_put(RECORD_PAGE_DATA, 200);
	stream_put_end();
	stream_write(1);
	assert_done(stream_open());
	for (int i = 0; i < 6; i++)
		assert_int_equal(reader_next(stream.reader, &records[i]), 1);
	assert_int_equal(records[4].body[99], RECORD_PAGE_DATA);
	assert_int_equal(records[4].number, 4);
	for (int i = 5; i >= 0; i--)
		record_release(stream.reader, &records[i]);
	assert_true(reader_expanded(stream.reader) > 0);
	reader_close(stream.reader);
	reader_close(NULL);
	channel_release(&stream.from);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(images_are_read),
		TEST(images_of_any_level_are_read),
		TEST(plain_files_are_read),
		TEST(nothing_behind_a_plain_stream_is_read),
		TEST(more_behind_a_plain_file_is_refused),
		TEST(records_come_in_order),
		TEST(memory_comes_after_static_data),
		TEST(pages_come_after_p2m_frames),
		TEST(policies_do_not_come_late),
		TEST(info_comes_once),
		TEST(unknown_records_are_refused),
		TEST(images_have_no_optional_records),
		TEST(far_too_high_types_are_refused),
		TEST(old_streams_imply_it),
		TEST(lengths_are_checked),
		TEST(enormous_record_is_refused),
		TEST(padding_is_zero),
		TEST(end_is_the_end),
		TEST(records_do_not_cross_frames),
		TEST(records_can_be_held),
	};

	alarm(240); /* whoever still waits then waits for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
