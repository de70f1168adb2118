/*
 * See confined.h. Each message is one packet: a kind, and what belongs to it. The parent takes none
 * of it on trust: a level, a length and a total have bounds, and log.c makes each line visible.
 */
#include "process/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "process/budget.h"
#include "process/child.h"
#include "process/sandbox.h"
#include "process/stop.h"

enum kind { SAY, PROGRESS, TEXT };
enum {
	PIECE_BYTES = 32 << 10,
	TEXT_MOST = 128 << 20, /* a config of 16 MiB whose characters JSON escapes with six each */
	STOP_MS = 1000,
	MORE_FDS = 160,
};

struct message {
	uint32_t kind;
	uint32_t level;	      /* SAY */
	uint64_t done, total; /* PROGRESS */
	char text[PIECE_BYTES];
};
enum { HEAD_BYTES = offsetof(struct message, text) };

/* --- in the child ------------------------------------------------------------ */

static int report_fd = -1;

static void report(const struct message *message, size_t text_bytes)
{
	while (write(report_fd, message, HEAD_BYTES + text_bytes) < 0 && errno == EINTR)
		;
}

static void report_line(enum say_level level, const char *text)
{
	struct message message = { .kind = SAY, .level = level };
	size_t bytes = strnlen(text, PIECE_BYTES);

	memcpy(message.text, text, bytes);
	report(&message, bytes);
}

void confined_progress(uint64_t done, uint64_t total)
{
	struct message message = { .kind = PROGRESS, .done = done, .total = total };

	report(&message, 0);
}

void confined_print(const char *text)
{
	struct message message = { .kind = TEXT };

	for (size_t left = strlen(text); left;) {
		size_t bytes = left < PIECE_BYTES ? left : PIECE_BYTES;

		memcpy(message.text, text, bytes);
		report(&message, bytes);
		text += bytes;
		left -= bytes;
	}
}

/* A library that prints by itself prints nowhere; a sanitizer, which finds faults of ours, still may. */
static int leave_terminal(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), rc = 0;

	if (null < 0)
		return fail_errno("/dev/null");
	if ((fd != STDIN_FILENO && dup2(null, STDIN_FILENO) < 0) || dup2(null, STDOUT_FILENO) < 0)
		rc = fail_errno("dup2");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	if (!rc && dup2(null, STDERR_FILENO) < 0)
		rc = fail_errno("dup2");
#endif
	close(null);
	return rc;
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

struct start {
	const struct confined *confined;
	int fd; /* the child's end */
};

static int confined_work(void *context)
{
	const struct start *start = context;
	const struct confined *confined = start->confined;
	int keep[3 + MORE_FDS] = { confined->fd, start->fd, stop_fd() }, rc;
	struct sandbox sandbox = { .keep = keep,
				   .keep_count = 3 + confined->more_count,
				   .writes_file = confined->writes_file,
				   .shared = confined->shared };

	if (confined->more_count > MORE_FDS)
		return fail(EMFILE, "%zu files are too many", confined->more_count);
	if (confined->more_count)
		memcpy(keep + 3, confined->more_fds, confined->more_count * sizeof(*keep));

	report_fd = start->fd;
	say_before = NULL;
	say_to = report_line;
	qsort(keep, sandbox.keep_count, sizeof(*keep), compare_fds);
	rc = leave_terminal(start->confined->fd);
	if (!rc)
		rc = budget_begin(start->confined->threads);
	if (!rc)
		rc = sandbox_enter(&sandbox);
	return rc ? rc : start->confined->work(start->confined->context);
}

/* --- in the parent ----------------------------------------------------------- */

struct relay {
	struct confined *confined;
	size_t text_bytes;
	struct message message;
};

static void take_text(struct relay *relay, size_t bytes)
{
	struct confined *c = relay->confined;
	char *text = relay->text_bytes + bytes <= TEXT_MOST ? realloc(c->text, relay->text_bytes + bytes + 1)
							    : NULL;

	if (!text)
		return;
	c->text = text;
	memcpy(text + relay->text_bytes, relay->message.text, bytes);
	relay->text_bytes += bytes;
	text[relay->text_bytes] = '\0';
}

static void relay_take(struct relay *relay, size_t bytes)
{
	struct message *message = &relay->message;
	size_t text_bytes = bytes - HEAD_BYTES;

	if (bytes < HEAD_BYTES)
		return;
	if (message->kind == TEXT)
		take_text(relay, text_bytes);
	else if (message->kind == PROGRESS && relay->confined->progress)
		relay->confined->progress(message->done, message->total);
	else if (message->kind == SAY && message->level <= SAY_DETAIL)
		say(message->level, "%.*s", (int)text_bytes, message->text);
}

/*
 * Until the child has closed its end, which its death does. One that does not stop when asked to is
 * killed; so is one that has closed its end and goes on. True: a stop was asked for.
 */
static bool relay_all(struct relay *relay, int fd, pid_t child)
{
	bool is_told = false;

	for (;;) {
		struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
					 { .fd = is_told ? -1 : stop_fd(), .events = POLLIN } };
		int ready = poll(fds, 2, is_told ? STOP_MS : -1);
		ssize_t bytes = 1;

		if (!ready)
			kill(child, SIGKILL);
		is_told |= fds[1].revents != 0;
		if (ready > 0 && fds[0].revents)
			bytes = recv(fd, &relay->message, sizeof(relay->message), MSG_DONTWAIT);
		if (!bytes || (bytes < 0 && errno != EAGAIN && errno != EINTR))
			break;
		if (ready > 0 && fds[0].revents && bytes > 0)
			relay_take(relay, bytes);
	}
	kill(child, SIGKILL);
	return is_told;
}

static int relay_and_wait(struct relay *relay, int fd, struct child *child)
{
	bool is_told = relay_all(relay, fd, child_pid(child));
	int rc = child_wait(child);

	if (rc == -ECHILD && is_told)
		fail_forget();
	return rc == -ECHILD && is_told ? stop_requested() : rc;
}

int confined_run(struct confined *confined)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	struct start start = { .confined = confined };
	struct child *child;
	int pair[2], rc;

	confined->text = strdup("");
	if (!relay || !confined->text) {
		free(relay);
		return fail(ENOMEM, "out of memory");
	}
	relay->confined = confined;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		free(relay);
		return fail_errno("cannot make a socket");
	}
	start.fd = pair[1];
	rc = child_start(&child, confined_work, &start);
	close(pair[1]);
	if (!rc)
		rc = relay_and_wait(relay, pair[0], child);
	close(pair[0]);
	free(relay);
	return rc;
}
