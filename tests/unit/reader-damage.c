/* stream/: what was cut, flipped, or is no image at all is told apart. */
#include "unit.h"

#include <sys/stat.h>
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

static void small_image(void)
{
	stream_put_opening();
	stream_put(RECORD_PAGE_DATA, 3000);
	stream_put_end();
	stream_write(1);
}

static void every_cut_is_noticed(void **state)
{
	off_t whole;
	int rc;

	(void)state;
	small_image();
	whole = lseek(stream.fd, 0, SEEK_END);
	for (off_t cut = whole - 1; cut >= 0; cut -= 1 + cut % 7) {
		assert_int_equal(ftruncate(stream.fd, cut), 0);
		rc = stream_read();
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
	whole = lseek(stream.fd, 0, SEEK_END);
	for (off_t at = 0; at < whole; at++) {
		uint8_t byte, flipped;

		pread(stream.fd, &byte, 1, at);
		flipped = byte ^ 1 << at % 8;
		pwrite(stream.fd, &flipped, 1, at);
		if (stream_read() >= 0)
			fail_test("byte %ld can be %#x instead of %#x", at, flipped, byte);
		fail_forget();
		pwrite(stream.fd, &byte, 1, at);
	}
	assert_done(stream_read());
}

static void more_behind_an_image_is_refused(void **state)
{
	(void)state;
	small_image();
	assert_int_equal(write(stream.fd, "x", 1), 1);
	assert_fails(stream_read(), EBADMSG, "something follows the seek table");
}

/* A block device is larger than the image in it. */
static void more_behind_an_image_on_a_device_does_not_count(void **state)
{
	struct record record;
	uint64_t whole;
	int rc;

	(void)state;
	small_image();
	whole = lseek(stream.fd, 0, SEEK_END);
	assert_int_equal(ftruncate(stream.fd, whole + (8 << 20)), 0);
	lseek(stream.fd, 0, SEEK_SET);
	assert_done(channel_init(&stream.from, stream.fd, "the device"));
	stream.from.kind = S_IFBLK;
	assert_done(reader_open(&stream.reader, &stream.from, 2));
	while ((rc = reader_next(stream.reader, &record)) > 0)
		record_release(stream.reader, &record);
	assert_done(rc);
	reader_close(stream.reader);
	assert_int_equal(stream.from.bytes, whole);
	channel_release(&stream.from);
}

static void cut_plain_file_is_noticed(void **state)
{
	(void)state;
	stream_put_opening();
	stream_put_end();
	stream_write(LEVEL_PLAIN);
	for (off_t cut = stream.bytes.count - 1; cut >= 4; cut -= 3) {
		assert_int_equal(ftruncate(stream.fd, cut), 0);
		assert_fails(stream_read(), ENODATA, "is cut short: it ends at byte");
	}
}

static void what_is_no_image_is_refused(void **state)
{
	static const struct {
		const char *content;
		size_t bytes;
		const char *words;
	} files[] = {
		{ "", 0, "is empty" },
		{ "ab", 2, "too short" },
		{ "#!/bin/sh\n", 10, "is neither an image of pvferry nor an xl save file" },
		{ "\x28\xb5\x2f\xfd....", 8, "was compressed by the zstd command" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		assert_int_equal(ftruncate(stream.fd, 0), 0);
		pwrite(stream.fd, files[i].content, files[i].bytes, 0);
		assert_fails(stream_read(), EMEDIUMTYPE, files[i].words);
	}
}

/* Offsets into the headers, a byte to put there, what a plain file with it is, and an image. */
static void headers_are_checked(void **state)
{
	enum { LIBXL = STREAM_LIBXL, IMAGE = STREAM_IMAGE, DOMAIN = STREAM_DOMAIN };
	static const struct {
		size_t at;
		uint8_t byte;
		int plain, image;
		const char *words;
	} cases[] = {
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
		{ IMAGE + 8, 0, EBADMSG, EBADMSG, "wrong marker" },
		{ IMAGE + 15, 4, EMEDIUMTYPE, EBADMSG, "libxc stream of version 4" },
		{ IMAGE + 15, 1, EMEDIUMTYPE, EBADMSG, "libxc stream of version 1" },
		{ DOMAIN, 2, EMEDIUMTYPE, EBADMSG, "an HVM or PVH domain" },
		{ DOMAIN, 9, EMEDIUMTYPE, EBADMSG, "domain header: type 9" },
		{ DOMAIN + 4, 13, EMEDIUMTYPE, EBADMSG, "pages of 2^13 bytes" },
	};

	(void)state;
	stream_put_opening();
	stream_put_end();
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t old = stream.bytes.at[cases[i].at];

		stream.bytes.at[cases[i].at] = cases[i].byte;
		assert_fails(stream_write_and_read(LEVEL_PLAIN), cases[i].plain, cases[i].words);
		assert_fails(stream_write_and_read(1), cases[i].image, cases[i].words);
		stream.bytes.at[cases[i].at] = old;
	}
}

static void newer_image_is_told(void **state)
{
	uint32_t version = IMAGE_FORMAT_VERSION + 1;

	(void)state;
	small_image();
	pwrite(stream.fd, &version, sizeof(version), 8 + 8);
	assert_fails(stream_read(), EMEDIUMTYPE, "image version 2: this program knows up to 1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(every_cut_is_noticed),
		TEST(every_flip_is_noticed),
		TEST(more_behind_an_image_is_refused),
		TEST(more_behind_an_image_on_a_device_does_not_count),
		TEST(cut_plain_file_is_noticed),
		TEST(what_is_no_image_is_refused),
		TEST(headers_are_checked),
		TEST(newer_image_is_told),
	};

	alarm(240); /* whoever still waits then waits for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
