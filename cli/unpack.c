/* See unpack.h. One frame may be the whole file and say nothing of its size: it goes through a window, never into memory as a whole. */
#include "cli/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "log.h"
#include "process/child.h"
#include "process/sandbox.h"

enum {
	PIECE_BYTES = 128 << 10,
	/* What the zstd command accepts unless told --long=28 or more (ZSTD_WINDOWLOG_LIMIT_DEFAULT). */
	WINDOW_LOG_MOST = 27,
	MEMORY_BYTES = (1 << WINDOW_LOG_MOST) + (32 << 20),
};

struct task {
	int from, to;
};

static int output_write(int fd, const char *at, size_t count)
{
	while (count) {
		ssize_t n = write(fd, at, count);

		if (n < 0 && errno != EINTR)
			return fail_errno("cannot pass on what was expanded");
		if (n > 0) {
			at += n;
			count -= n;
		}
	}
	return 0;
}

/*
 * What was expanded last is held back until more follows or all is found right: a frame's checksum stands behind its bytes, and
 * the process that restores must not see the end of an image before that was checked.
 */
static struct held {
	char at[2][PIECE_BYTES];
	unsigned int which; /* is held; the other one is free */
	size_t count;
} held;

static int pass_held(int to)
{
	int rc = output_write(to, held.at[held.which], held.count);

	held.count = 0;
	return rc;
}

static int hold(int to, size_t count)
{
	int rc = count ? pass_held(to) : 0;

	if (count) {
		held.which = !held.which;
		held.count = count;
	}
	return rc;
}

/* All of what was read last; *hint is 0 between two frames. */
static int expand_piece(ZSTD_DStream *stream, ZSTD_inBuffer *in, int to, size_t *hint)
{
	ZSTD_outBuffer out = { .size = PIECE_BYTES };
	int rc = 0;

	/* A full buffer may hide more that is ready, even if all the input is taken. */
	while (!rc && (in->pos < in->size || out.pos == out.size)) {
		out.pos = 0;
		out.dst = held.at[!held.which];
		*hint = ZSTD_decompressStream(stream, &out, in);
		if (ZSTD_isError(*hint))
			return fail(EBADMSG, "zstd: %s", ZSTD_getErrorName(*hint));
		rc = hold(to, out.pos);
	}
	return rc;
}

static int expand(ZSTD_DStream *stream, const struct task *task)
{
	static char piece[PIECE_BYTES];
	size_t hint = 0;
	ssize_t n;
	int rc = 0;

	while (!rc && (n = read(task->from, piece, sizeof(piece))) != 0) {
		ZSTD_inBuffer in = { piece, n > 0 ? n : 0, 0 };

		if (n < 0 && errno != EINTR)
			return fail_errno("cannot read the file");
		if (n > 0)
			rc = expand_piece(stream, &in, task->to, &hint);
	}
	if (!rc && hint)
		return fail(EBADMSG, "zstd: the file ends in the middle of a frame");
	return rc ? rc : pass_held(task->to);
}

static int unpack(void *context)
{
	const struct task *task = context;
	int keep[] = { task->from < task->to ? task->from : task->to,
		       task->from < task->to ? task->to : task->from };
	struct sandbox sandbox = {
		.keep = keep, .keep_count = 2, .memory_bytes = MEMORY_BYTES, .writes_file = true
	};
	ZSTD_DStream *stream = ZSTD_createDStream();
	int rc = stream ? 0 : fail(ENOMEM, "out of memory");

	if (!rc && ZSTD_isError(ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, WINDOW_LOG_MOST)))
		rc = fail(EINVAL, "zstd: no window of %d bits", WINDOW_LOG_MOST);
	if (!rc)
		rc = sandbox_enter(&sandbox);
	if (!rc)
		rc = expand(stream, task);
	ZSTD_freeDStream(stream);
	return rc;
}

/* Only of a file: of a pipe nothing can be looked at and still be there for the next. */
static bool is_packed(int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	uint32_t magic = 0;

	return at >= 0 && pread(fd, &magic, sizeof(magic), at) == sizeof(magic) && magic == ZSTD_MAGICNUMBER;
}

int unpack_start(struct unpack *u, int *fd)
{
	struct task task = { .from = *fd };
	int ends[2], rc;

	*u = (struct unpack){ 0 };
	if (!is_packed(*fd))
		return 0;
	if (pipe2(ends, O_CLOEXEC))
		return fail_errno("cannot make a pipe");
	task.to = ends[1];
	child_private(ends[0]);
	rc = child_start(&u->child, unpack, &task);
	child_unprivate(ends[0]);
	close(ends[1]);
	if (rc) {
		close(ends[0]);
		return rc;
	}
	child_name(u->child, "the process that expands the file");
	if (*fd > STDERR_FILENO)
		close(*fd);
	*fd = ends[0];
	return 0;
}

void unpack_end(struct unpack *u)
{
	char reason[1024];
	int rc;

	if (!u->child)
		return;
	snprintf(reason, sizeof(reason), "%s", fail_reason());
	fail_forget();
	rc = child_wait(u->child);
	u->child = NULL;
	/* A reader that has enough closes the pipe early; one that met the end too early knows less of why. */
	if (!*reason || (rc && rc != -EPIPE))
		return;
	fail_forget();
	fail(EBADMSG, "%s", reason);
}
