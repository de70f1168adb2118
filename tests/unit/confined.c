/* confined.c: text, notes and progress come out of the sandbox; so does the news that a filter has killed. */
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "process/confined.h"
#include "process/stop.h"

static uint64_t shown_done, shown_total;
static char said[256];

static void show(uint64_t done, uint64_t total)
{
	shown_done = done;
	shown_total = total;
}

static void hear(enum say_level level, const char *text)
{
	(void)level;
	snprintf(said, sizeof(said), "%s", text);
}

static int teardown(void **state)
{
	(void)state;
	fail_forget();
	say_to = NULL;
	return 0;
}

static struct confined about(int (*work)(void *context), void *context, int fd)
{
	return (struct confined){ .work = work, .context = context, .fd = fd, .progress = show };
}

static int tell(void *context)
{
	char bytes[8] = "", *text = malloc(100001);
	ssize_t count = read(*(int *)context, bytes, 4);

	if (count != 4)
		return fail_errno("read");
	memset(text, 'x', 100000);
	text[100000] = '\0';
	confined_progress(3, 4);
	say(SAY_NOTE, "a note\n%s", bytes);
	confined_print(text);
	confined_print(bytes);
	printf("neither this\n");
	fprintf(stderr, "nor this\n");
	return 0;
}

static void what_it_says_comes_out(void **state)
{
	struct confined confined;
	int pipe_fds[2];

	(void)state;
	say_to = hear;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], "four", 4), 4);
	confined = about(tell, &pipe_fds[0], pipe_fds[0]);
	assert_done(confined_run(&confined));
	assert_int_equal(strlen(confined.text), 100004);
	assert_string_equal(confined.text + 100000, "four");
	assert_int_equal(shown_done, 3);
	assert_int_equal(shown_total, 4);
	assert_string_equal(said, "a note\\x0afour");
	free(confined.text);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static int refuse(void *context)
{
	(void)context;
	confined_print("too late");
	return fail(EBADMSG, "damaged");
}

static void failures_come_out(void **state)
{
	struct confined confined = about(refuse, NULL, STDIN_FILENO);

	(void)state;
	assert_fails(confined_run(&confined), EBADMSG, "damaged");
	assert_string_equal(confined.text, "too late");
	free(confined.text);
}

static int open_something(void *context)
{
	(void)context;
	return open("/etc/passwd", O_RDONLY) < 0 ? fail_errno("open") : 0;
}

static int die(void *context)
{
	return raise(*(int *)context);
}

static void death_comes_out(void **state)
{
	int kill_signal = SIGKILL;
	struct confined confined = about(open_something, NULL, STDIN_FILENO);

	(void)state;
	assert_fails(confined_run(&confined), ECHILD, "SIGSYS");
	free(confined.text);
	confined = about(die, &kill_signal, STDIN_FILENO);
	assert_fails(confined_run(&confined), ECHILD, "died of SIGKILL");
	free(confined.text);
}

/* As one that foreign bytes have taken over: it closes what it has, and waits for ever. */
static int hide(void *context)
{
	struct pollfd none = { .fd = -1 };

	(void)context;
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	while (poll(&none, 1, -1))
		;
	return 0;
}

static void it_cannot_hide(void **state)
{
	struct confined confined = about(hide, NULL, STDIN_FILENO);

	(void)state;
	assert_fails(confined_run(&confined), ECHILD, "died of SIGKILL");
	free(confined.text);
}

/* It does not look whether a stop was asked for. */
static int go_on(void *context)
{
	struct pollfd none = { .fd = -1 };

	(void)context;
	stop_ask();
	while (poll(&none, 1, -1))
		;
	return 0;
}

static void a_stop_ends_it(void **state)
{
	struct confined confined = about(go_on, NULL, STDIN_FILENO);

	(void)state;
	assert_done(stop_on_signals());
	assert_fails(confined_run(&confined), ECANCELED, "cancelled");
	free(confined.text);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_it_says_comes_out), TEST(failures_come_out), TEST(death_comes_out),
		TEST(it_cannot_hide),	      TEST(a_stop_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
