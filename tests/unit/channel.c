/* stream/channel.c: all or nothing, over whatever moves bytes in whatever pieces. */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/stop.h"
#include "stream/channel.h"

enum { MANY = 3 << 20 };

static uint8_t sent[MANY], got[MANY];
static int fds[2];
static struct channel in, out;

static int setup(void **state)
{
	uint64_t random = 9;

	(void)state;
	for (size_t i = 0; i < MANY; i += 8)
		*(uint64_t *)(sent + i) = next_random(&random);
	memset(got, 0, sizeof(got));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_done(channel_init(&in, fds[0], "the input"));
	assert_done(channel_init(&out, fds[1], "the output"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	channel_release(&in);
	channel_release(&out);
	close(fds[0]);
	close(fds[1]);
	fail_forget();
	return 0;
}

/* In small and odd pieces, so that nearly every read is a short one. */
static void *write_in_pieces(void *argument)
{
	uint64_t random = 10;
	size_t done = 0, count = *(size_t *)argument;

	while (done < count) {
		size_t piece = 1 + next_random(&random) % 5000;

		if (piece > count - done)
			piece = count - done;
		if (channel_write(&out, sent + done, piece))
			break;
		done += piece;
	}
	close(fds[1]);
	return NULL;
}

static void short_reads_are_joined(void **state)
{
	size_t count = 1 << 20;
	pthread_t writer;
	uint8_t more;

	(void)state;
	pthread_create(&writer, NULL, write_in_pieces, &count);
	assert_done(channel_read(&in, got, 1));
	assert_done(channel_read(&in, got + 1, (1 << 20) - 1));
	assert_memory_equal(got, sent, 1 << 20);
	assert_int_equal(in.bytes, 1 << 20);
	assert_int_equal(channel_read_some(&in, &more, 1), 0);
	pthread_join(writer, NULL);
}

static void *read_all(void *argument)
{
	*(int *)argument = channel_read(&in, got, MANY);
	return NULL;
}

/* More parts than one call takes, empty ones among them, more bytes than a pipe holds. */
static void short_writes_are_joined(void **state)
{
	enum { PARTS = 3000 };
	static struct iovec parts[PARTS];
	uint64_t random = 11;
	size_t at = 0;
	pthread_t reader;
	int result = 1;

	(void)state;
	for (int i = 0; i < PARTS; i++) {
		size_t count = i == PARTS - 1 ? MANY - at : i % 10 ? next_random(&random) % 1000 : 0;

		parts[i] = (struct iovec){ sent + at, count };
		at += count;
	}
	pthread_create(&reader, NULL, read_all, &result);
	assert_done(channel_write_parts(&out, parts, PARTS));
	pthread_join(reader, NULL);
	assert_int_equal(result, 0);
	assert_memory_equal(got, sent, MANY);
	assert_int_equal(out.bytes, MANY);
}

static void nothing_is_fine(void **state)
{
	(void)state;
	assert_done(channel_write(&out, sent, 0));
	assert_done(channel_write_parts(&out, NULL, 0));
	assert_done(channel_read(&in, got, 0));
	assert_int_equal(out.bytes, 0);
}

static void cut_input_is_told_with_its_place(void **state)
{
	(void)state;
	assert_done(channel_write(&out, sent, 1000));
	close(fds[1]);
	assert_fails(channel_read(&in, got, 1001), ENODATA, "the input is cut short: it ends at byte 1000");
}

static void closed_pipe_is_an_error(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	channel_release(&in);
	close(fds[0]);
	assert_fails(channel_write(&out, sent, 10), EPIPE, "cannot write the output: Broken pipe");
}

static void *raise_cancel(void *argument)
{
	usleep(20000);
	eventfd_write(*(int *)argument, 1);
	return NULL;
}

/* In silence: whoever cancels knows why. */
static void waiting_can_be_cancelled(void **state)
{
	pthread_t canceller;
	int cancel = eventfd(0, EFD_CLOEXEC);

	(void)state;
	in.cancel_fd = out.cancel_fd = cancel;
	pthread_create(&canceller, NULL, raise_cancel, &cancel);
	assert_int_equal(channel_read(&in, got, 10), -ECANCELED);
	pthread_join(canceller, NULL);
	assert_int_equal(channel_write(&out, sent, MANY), -ECANCELED);
	assert_string_equal(fail_reason(), "");
	close(cancel);
}

static void *raise_signal(void *argument)
{
	(void)argument;
	usleep(20000);
	kill(getpid(), SIGTERM);
	return NULL;
}

/* In a process of its own: a stop that was asked for stays. */
static void waiting_ends_with_a_signal(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (!child) {
		pthread_t killer;
		int rc = stop_on_signals();

		pthread_create(&killer, NULL, raise_signal, NULL);
		rc = rc ? rc : channel_read(&in, got, 10);
		_exit(rc == -ECANCELED && !strcmp(fail_reason(), "stopped by SIGTERM") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void flags_are_put_back(void **state)
{
	(void)state;
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	channel_release(&in);
	assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
}

static void files_are_read_and_written(void **state)
{
	struct channel file;
	int fd = memfd_create("file", MFD_CLOEXEC);

	(void)state;
	assert_done(channel_init(&file, fd, "the file"));
	assert_false(file.can_wait);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_done(channel_write(&file, sent, MANY));
	lseek(fd, 0, SEEK_SET);
	assert_done(channel_read(&file, got, MANY));
	assert_memory_equal(got, sent, MANY);
	assert_fails(channel_read(&file, got, 1), ENODATA, "the file is cut short");
	channel_release(&file);
	close(fd);
}

static void errors_name_the_channel(void **state)
{
	struct channel bad;

	(void)state;
	assert_fails(channel_init(&bad, -1, "nothing"), EBADF, "nothing");
	assert_fails(channel_read(&out, got, 1), EBADF, "cannot read the output");
}

static void full_disk_is_an_error(void **state)
{
	struct channel full;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_done(channel_init(&full, fd, "the disk"));
	assert_fails(channel_write(&full, sent, 10), ENOSPC, "cannot write the disk: No space left");
	channel_release(&full);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(short_reads_are_joined),
		TEST(short_writes_are_joined),
		TEST(nothing_is_fine),
		TEST(cut_input_is_told_with_its_place),
		TEST(closed_pipe_is_an_error),
		TEST(waiting_can_be_cancelled),
		TEST(waiting_ends_with_a_signal),
		TEST(flags_are_put_back),
		TEST(files_are_read_and_written),
		TEST(errors_name_the_channel),
		TEST(full_disk_is_an_error),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
