/* helper/libxl.c: each message byte for byte, and answers that come in pieces, wrong, short, or not at all. */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "helper/libxl.h"

/* What libxl holds of the two pipes, and what 0 and 1 were before. */
static int to_helper, from_helper, before[2];
static bool is_open;
static uint8_t heard[8192];
static size_t heard_count;

static void open_line(void)
{
	int in[2], out[2];

	assert_int_equal(pipe(in) | pipe(out), 0);
	before[0] = dup(0);
	before[1] = dup(1);
	fflush(stdout);
	dup2(in[0], 0);
	dup2(out[1], 1);
	close(in[0]);
	close(out[1]);
	to_helper = in[1];
	from_helper = out[0];
	is_open = true;
}

static void hang_up(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* To the end; all that was said is in heard[] then. */
static void close_line(void)
{
	ssize_t got;

	is_open = false;
	dup2(before[0], 0);
	dup2(before[1], 1);
	close(before[0]);
	close(before[1]);
	heard_count = 0;
	while (from_helper >= 0 &&
	       (got = read(from_helper, heard + heard_count, sizeof(heard) - heard_count)) > 0)
		heard_count += got;
	hang_up(&to_helper);
	hang_up(&from_helper);
}

/* A test that failed in between says so where it can be read. */
static int teardown(void **state)
{
	(void)state;
	if (is_open)
		close_line();
	fail_forget();
	return 0;
}

static void answer(const void *bytes, size_t count)
{
	if (write(to_helper, bytes, count) != (ssize_t)count)
		abort();
}

static void answer_number(int32_t number)
{
	answer(&number, sizeof(number));
}

/* One message and nothing more. */
#define assert_heard(...) \
	do { \
		static const uint8_t bytes_[] = { __VA_ARGS__ }; \
		assert_int_equal(heard_count, sizeof(bytes_)); \
		assert_memory_equal(heard, bytes_, sizeof(bytes_)); \
	} while (0)

static void a_line_of_the_log(void **state)
{
	(void)state;
	open_line();
	libxl_say(SAY_NOTE, "hi");
	close_line();
	assert_heard(29, 0, 1, 0, 5, 0, 0, 0, 255, 255, 255, 255, 8, 0, 0, 0, 'p', 'v', 'f', 'e', 'r', 'r',
		     'y', 0, 3, 0, 0, 0, 'h', 'i', 0);
}

static void levels_are_xens(void **state)
{
	static const uint8_t levels[] = { [SAY_WARNING] = 7, [SAY_NOTE] = 5, [SAY_DETAIL] = 3 };

	(void)state;
	for (int level = SAY_WARNING; level <= SAY_DETAIL; level++) {
		open_line();
		libxl_say(level, "");
		close_line();
		assert_int_equal(heard[4], levels[level]);
	}
	fail(EIO, "a reason");
	open_line();
	libxl_say_reason("cannot");
	close_line();
	fail_forget();
	assert_int_equal(heard[4], 8);
	assert_memory_equal(heard + heard_count - 17, "cannot: a reason", 17);
}

/* Cut, with its NUL, and the lengths true. */
static void long_texts_are_cut(void **state)
{
	static char text[5000];
	uint16_t body;
	uint32_t count;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	open_line();
	libxl_say(SAY_NOTE, text);
	close_line();
	memcpy(&body, heard, sizeof(body));
	memcpy(&count, heard + 24, sizeof(count));
	assert_int_equal(heard_count, body + 2);
	assert_int_equal(count, 1024);
	assert_int_equal(heard_count, 28 + count);
	assert_int_equal(heard[heard_count - 1], 0);
	assert_int_equal(heard[heard_count - 2], 'x');
}

static void progress_is_said_once_a_percent(void **state)
{
	(void)state;
	open_line();
	libxl_progress(0x102, 0x304);
	libxl_progress(0x103, 0x304);
	close_line();
	assert_heard(41, 0, 2, 0, 8, 0, 0, 0, 'p', 'v', 'f', 'e', 'r', 'r', 'y', 0, 7, 0, 0, 0, 'F', 'r', 'a',
		     'm', 'e', 's', 0, 2, 1, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0);
	open_line();
	for (uint64_t done = 0; done <= 10000; done++)
		libxl_progress(done, 10000);
	libxl_progress(0, 0);
	close_line();
	assert_int_equal(heard_count, 43 * 102);
}

static void the_suspend_is_asked_for(void **state)
{
	static const int32_t refusals[] = { 0, -1, 2, 256 };

	(void)state;
	open_line();
	answer_number(1);
	assert_done(libxl_suspend());
	close_line();
	assert_heard(2, 0, 3, 0);
	for (size_t i = 0; i < COUNT(refusals); i++) {
		open_line();
		answer_number(refusals[i]);
		assert_fails(libxl_suspend(), ECANCELED, "could not have the domain suspended");
		close_line();
	}
}

static void static_data_and_results(void **state)
{
	(void)state;
	open_line();
	answer_number(0);
	assert_done(libxl_static_data_done(3));
	close_line();
	assert_heard(6, 0, 8, 0, 3, 0, 0, 0);
	open_line();
	answer_number(1);
	assert_fails(libxl_static_data_done(0), ECANCELED, "(1)");
	close_line();
	open_line();
	assert_done(libxl_restore_results(0x1122334455667788, 2));
	close_line();
	assert_heard(18, 0, 9, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 2, 0, 0, 0, 0, 0, 0, 0);
}

/* -1 and an errno that is positive, whichever way it came. */
static void the_end_is_told(void **state)
{
	static const int errors[] = { -ENOSPC, ENOSPC };

	(void)state;
	open_line();
	answer_number(0);
	assert_done(libxl_complete(0));
	close_line();
	assert_heard(10, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	for (size_t i = 0; i < COUNT(errors); i++) {
		open_line();
		answer_number(0);
		assert_done(libxl_complete(errors[i]));
		close_line();
		assert_heard(10, 0, 10, 0, 255, 255, 255, 255, ENOSPC, 0, 0, 0);
	}
	open_line();
	answer_number(7);
	assert_fails(libxl_complete(0), EPROTO, "answers 7");
	close_line();
}

static void *answer_slowly(void *argument)
{
	const uint8_t *bytes = argument;

	for (int i = 0; i < 8; i++) {
		usleep(2000);
		answer(bytes + i, 1);
	}
	return NULL;
}

/* In pieces of a byte; the second question gets what is behind the first's answer, and no less. */
static void answers_are_taken_in_turn(void **state)
{
	int32_t both[] = { 1, 0x01000000 };
	pthread_t thread;

	(void)state;
	open_line();
	pthread_create(&thread, NULL, answer_slowly, both);
	assert_done(libxl_suspend());
	assert_fails(libxl_complete(0), EPROTO, "answers 16777216");
	pthread_join(thread, NULL);
	close_line();
	assert_int_equal(heard_count, 4 + 12);
}

/* Whole answers only: three bytes that would do are none. */
static void a_cut_answer_is_none(void **state)
{
	(void)state;
	for (size_t count = 0; count < 4; count++) {
		open_line();
		answer("\1\0\0", count);
		hang_up(&to_helper);
		assert_fails(libxl_suspend(), ECONNRESET, "does not answer");
		close_line();
	}
}

/* Who cannot be asked has not been: that is another error than no answer. */
static void a_closed_line_is_told_apart(void **state)
{
	(void)state;
	open_line();
	hang_up(&from_helper);
	libxl_say(SAY_NOTE, "to nobody");
	assert_string_equal(fail_reason(), "");
	answer_number(1);
	assert_fails(libxl_suspend(), EPIPE, "libxl is gone");
	assert_fails(libxl_restore_results(1, 2), EPIPE, "libxl is gone");
	assert_fails(libxl_complete(0), EPIPE, "libxl is gone");
	close_line();
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_line_of_the_log),	cmocka_unit_test(levels_are_xens),
		TEST(long_texts_are_cut),	cmocka_unit_test(progress_is_said_once_a_percent),
		TEST(the_suspend_is_asked_for), cmocka_unit_test(static_data_and_results),
		TEST(the_end_is_told),		cmocka_unit_test(answers_are_taken_in_turn),
		TEST(a_cut_answer_is_none),	cmocka_unit_test(a_closed_line_is_told_apart),
	};

	alarm(60);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
