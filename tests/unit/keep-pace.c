/* channel_keep_pace(): what is asked of the kernel for a file, and what is made of its answers. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "stream/channel.h"

enum { MIB = 1 << 20, AHEAD = 8, MOST = 64 };

/* In place of the kernel's. */
static struct {
	off_t at;
	unsigned int flags;
} calls[MOST];
static unsigned int count;
static int answer; /* an error */

int sync_file_range(int fd, off_t at, off_t bytes, unsigned int flags)
{
	assert_int_equal(fd, 77);
	assert_int_equal(bytes, MIB);
	assert_true(count < MOST);
	calls[count].at = at;
	calls[count++].flags = flags;
	errno = answer;
	return answer ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	count = answer = 0;
	fail_forget();
	return 0;
}

static void files_are_written_as_they_grow(void **state)
{
	struct channel channel = { .fd = 77, .name = "image", .kind = S_IFREG, .bytes = MIB - 1 };

	(void)state;
	assert_done(channel_keep_pace(&channel));
	assert_int_equal(count, 0);
	channel.bytes = (AHEAD + 2) * MIB + 5;
	assert_done(channel_keep_pace(&channel));
	/* Each MiB is begun once; from the eighth on an older one is waited for each time. */
	assert_int_equal(count, AHEAD + 2 + 2);
	for (unsigned int i = 0; i <= AHEAD; i++) {
		assert_int_equal(calls[i].at, (off_t)i * MIB);
		assert_int_equal(calls[i].flags, SYNC_FILE_RANGE_WRITE);
	}
	assert_int_equal(calls[AHEAD + 1].at, 0);
	assert_true(calls[AHEAD + 1].flags & SYNC_FILE_RANGE_WAIT_AFTER);
	assert_int_equal(calls[AHEAD + 3].at, MIB);
	assert_done(channel_keep_pace(&channel));
	assert_int_equal(count, AHEAD + 2 + 2);
}

static void what_is_no_file_is_let_alone(void **state)
{
	static const mode_t kinds[] = { S_IFIFO, S_IFSOCK, S_IFCHR };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct channel channel = { .fd = 77, .name = "pipe", .kind = kinds[i], .bytes = 100 * MIB };

		assert_done(channel_keep_pace(&channel));
	}
	assert_int_equal(count, 0);
}

/* The kernel tells an error of the disk once: what is not said here is never said. */
static void errors_of_the_disk_are_failures(void **state)
{
	struct channel channel = { .fd = 77, .name = "image", .kind = S_IFBLK, .bytes = 2 * MIB };

	(void)state;
	answer = EIO;
	assert_fails(channel_keep_pace(&channel), EIO, "cannot write image");
	answer = ENOSPC;
	channel.bytes += 2 * MIB;
	assert_fails(channel_keep_pace(&channel), ENOSPC, "cannot write image");
	answer = EINVAL;
	channel.bytes += 2 * MIB;
	assert_done(channel_keep_pace(&channel));
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(files_are_written_as_they_grow),
		TEST(what_is_no_file_is_let_alone),
		TEST(errors_of_the_disk_are_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
