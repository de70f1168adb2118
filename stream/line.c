/*
 * See line.h. In: bytes of the other host, through TLS or as they are. Out: the inbox, [start, end). All descriptors
 * are non-blocking, and each wait listens too: two hosts that both write a lot would otherwise wait for each other for
 * ever. The trap: the inbox moves when it fills (line_make_room()), so what lies in it may be used only until the next
 * wait, unless it is lent.
 */
#include "stream/line.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process/child.h"
#include "log.h"
#include "process/stop.h"
#include "stream/tls.h"

uint64_t line_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -1 : 0;
}

int line_init(struct line *line, int in, int out, const char *peer)
{
	*line = (struct line){ .in = in,
			       .out = out,
			       .idle_seconds = LINE_IDLE_SECONDS,
			       .handshake_ms = LINE_IDLE_SECONDS * 1000 };
	snprintf(line->peer, sizeof(line->peer), "%s", peer);
	line->inbox = malloc(LINE_ROOM);
	line->heard_ns = line->said_ns = line_now();
	child_private(in);
	if (out != in)
		child_private(out);
	if (!line->inbox)
		return fail(ENOMEM, "out of memory");
	if (set_nonblocking(in) || set_nonblocking(out))
		return fail_errno("%s", peer);
	return 0;
}

static void close_fd(int fd)
{
	if (fd < 0)
		return;
	child_unprivate(fd);
	close(fd);
}

/* Its ends are closed, so it ends soon; if the other host does not let it, it is ended. */
int line_end_helper(struct line *line, uint64_t until_ns)
{
	struct timespec nap = { 0, 10 * 1000 * 1000 };
	pid_t helper = line->helper;
	int status = 0;

	line->helper = 0;
	while (helper && waitpid(helper, &status, WNOHANG) == 0) {
		if (line_now() >= until_ns)
			kill(helper, SIGKILL);
		nanosleep(&nap, NULL);
	}
	return status;
}

void line_hang_up(struct line *line)
{
	tls_free(line->tls);
	close_fd(line->in);
	if (line->out != line->in)
		close_fd(line->out);
	line->tls = NULL;
	line->in = line->out = -1;
	line->is_over = true;
}

void line_close(struct line *line)
{
	if (!line->inbox)
		return;
	line_hang_up(line);
	line_end_helper(line, line_now() + LINE_HELPER_MS * 1000000ULL);
	free(line->inbox);
	*line = (struct line){ .in = -1, .out = -1 };
}

/* --- one attempt each: how many bytes, or -EAGAIN ---------------------- */

static ssize_t read_some(struct line *line, void *to, size_t most)
{
	ssize_t got = line->tls ? tls_read(line->tls, to, most) : read(line->in, to, most);

	if (got >= 0 || line->tls)
		return got;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t write_some(struct line *line, const void *from, size_t count)
{
	ssize_t done = line->tls ? tls_write(line->tls, from, count) : write(line->out, from, count);

	if (done >= 0 || line->tls)
		return done;
	return errno == EINTR ? -EAGAIN : -errno;
}

/* A move costs a copy of what is held, so it waits until a quarter of the room is left. */
static size_t line_make_room(struct line *line)
{
	size_t held = line->end - line->start;

	if (line->start && !line->is_lent && (!held || LINE_ROOM - line->end < LINE_ROOM / 4)) {
		memmove(line->inbox, line->inbox + line->start, held);
		line->start = 0;
		line->end = held;
	}
	return LINE_ROOM - line->end;
}

/* Takes in what is there: 1 if anything, or the end, is news; 0 if nothing is. */
static int listen_once(struct line *line)
{
	size_t room = line_make_room(line);
	ssize_t got;

	if (line->is_over || !room)
		return 0;
	got = read_some(line, line->inbox + line->end, room);
	if (got == -EAGAIN)
		return 0;
	if (got < 0 && got != -ECONNRESET && got != -EPIPE)
		return fail(-got, "cannot hear %s: %s", line->peer, strerror(-got));
	line->heard_ns = line_now();
	if (got <= 0) {
		line->is_over = true;
		return 1;
	}
	line->end += got;
	line->bytes_in += got;
	return 1;
}

/* --- waiting ----------------------------------------------------------- */

static bool is_full(const struct line *line)
{
	return line->end - (line->is_lent ? 0 : line->start) == LINE_ROOM;
}

/* Who does not listen, its inbox being full, hears nothing; then what it has said counts. */
static int check_silence(const struct line *line)
{
	uint64_t last = line->heard_ns;

	if (is_full(line) && line->said_ns > last)
		last = line->said_ns;
	if (line->is_over || line_now() - last < line->idle_seconds * 1000000000ULL)
		return 0;
	return fail(ETIMEDOUT, "nothing was heard from %s for %u s: the connection is broken", line->peer,
		    line->idle_seconds);
}

int line_wait(struct line *line, struct pollfd *others, unsigned int count, int timeout_ms)
{
	struct pollfd fds[2 + LINE_OTHERS];
	int rc = listen_once(line), came = 0;

	if (rc)
		return rc < 0 ? rc : LINE_HEARD;
	rc = line->until_ns && line_now() >= line->until_ns ? fail(ETIMEDOUT, "%s takes too long", line->peer)
							    : check_silence(line);
	if (rc)
		return rc;
	fds[0] = (struct pollfd){ line->is_over || is_full(line) ? -1 : line->in, POLLIN, 0 };
	fds[1] = (struct pollfd){ stop_fd(), POLLIN, 0 };
	for (unsigned int i = 0; i < count; i++)
		fds[2 + i] = others[i];
	if (poll(fds, 2 + count, timeout_ms) < 0)
		return errno == EINTR ? stop_requested() : fail_errno("poll");
	rc = stop_requested();
	if (!rc && fds[0].revents)
		rc = listen_once(line);
	for (unsigned int i = 0; i < count; i++) {
		others[i].revents = fds[2 + i].revents;
		came |= others[i].revents ? LINE_OTHER : 0;
	}
	return rc < 0 ? rc : came | (rc ? LINE_HEARD : 0);
}

/* A peer that says that it is there, and reads nothing, would hold a job for ever: its PINGs do not count here. */
static int check_stuck(struct line *line)
{
	uint64_t now = line_now(), most = (uint64_t)line->idle_seconds * LINE_STUCK_TIMES;

	if (!line->stuck_ns)
		line->stuck_ns = now;
	if (now - line->stuck_ns < most * 1000000000ULL)
		return -EAGAIN;
	return fail(ETIMEDOUT, "%s has read nothing for %lu s: the connection is broken", line->peer, most);
}

ssize_t line_write_some(struct line *line, const void *bytes, size_t count)
{
	ssize_t done = line->is_over && !line->may_answer ? -EPIPE : write_some(line, bytes, count);

	if (done == -EPIPE || done == -ECONNRESET)
		return fail(ECONNRESET, "%s has closed the connection", line->peer);
	if (done == -EAGAIN)
		return check_stuck(line);
	if (done < 0)
		return fail(-done, "cannot write to %s: %s", line->peer, strerror(-done));
	line->stuck_ns = 0;
	line->bytes_out += done;
	line->said_ns = line_now();
	return done;
}

int line_write(struct line *line, const void *bytes, size_t count)
{
	enum { STEP_MS = 1000 };
	const uint8_t *from = bytes;

	while (count) {
		struct pollfd writable = { line->out, POLLOUT, 0 };
		ssize_t done = line_write_some(line, from, count);
		int rc = done == -EAGAIN ? line_wait(line, &writable, 1, STEP_MS) : done < 0 ? done : 0;

		if (rc < 0)
			return rc;
		if (done > 0) {
			from += done;
			count -= done;
		}
	}
	return 0;
}

void line_drain(struct line *line, int most_ms)
{
	uint64_t until = line_now() + most_ms * 1000000ULL;

	if (line->tls)
		tls_bye(line->tls);
	if (line->in == line->out)
		shutdown(line->out, SHUT_WR);
	else {
		close_fd(line->out);
		line->out = -1;
	}
	while (!line->is_over && line_now() < until) {
		line->start = line->end = 0;
		if (line_wait(line, NULL, 0, 100) < 0)
			return;
	}
}
