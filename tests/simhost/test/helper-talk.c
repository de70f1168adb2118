/* See helper-driver.h. Starts a helper and answers what it asks, as tools/libs/light/libxl_save_callout.c does. */
#include "helper-driver.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOCK_HELPER XEN_BIN "/libxl-save-helper"

enum {
	MSG_LOG = 1,
	MSG_PROGRESS,
	MSG_SUSPEND,
	MSG_QEMU_LOGDIRTY = 7,
	MSG_STATIC_DATA_DONE,
	MSG_RESTORE_RESULTS,
	MSG_COMPLETE,
	SUSPEND_TRIES = 20000,
	TRY_US = 500,
};

char *helper_path(void)
{
	char *other = getenv("LIBXL_SAVE_HELPER");

	return other ? other : STOCK_HELPER;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static bool is_suspended(struct job *job)
{
	xc_domaininfo_t info;

	if (xc_domain_getinfolist(job->xch, job->domid, 1, &info) != 1 || info.domain != job->domid)
		die("domain %u is gone", job->domid);
	return info.flags & XEN_DOMINF_shutdown &&
	       (info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) == SHUTDOWN_suspend;
}

int suspend(struct job *job)
{
	char path[64];

	if (is_suspended(job))
		return 1;
	snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", job->domid);
	if (!xs_write(job->xs, XBT_NULL, path, "suspend", 7))
		die("xenstore");
	for (unsigned i = 0; i < SUSPEND_TRIES; i++) {
		if (is_suspended(job))
			return 1;
		usleep(TRY_US);
	}
	return 0;
}

static void read_exactly(int fd, void *to, size_t bytes)
{
	while (bytes) {
		ssize_t n = read(fd, to, bytes);

		if (n <= 0)
			die("the helper is gone");
		to = (char *)to + n;
		bytes -= n;
	}
}

static void reply(struct job *job, int value)
{
	if (write(job->to_helper, &value, sizeof(value)) != sizeof(value))
		die("reply");
}

static void show_log(struct job *job, const unsigned char *body)
{
	uint32_t level, length;

	memcpy(&level, body, sizeof(level));
	memcpy(&length, body + 8, sizeof(length));
	if (level >= 4 || job->verbose)
		fprintf(stderr, "helper: %s\n", (const char *)body + 16 + length);
}

/* One message: true once it is the last. */
static bool take_message(struct job *job, int *result)
{
	static unsigned char body[65536];
	uint16_t length, number;
	int32_t status[2];
	int value;

	read_exactly(job->from_helper, &length, sizeof(length));
	if (!job->times.first)
		job->times.first = now_ns();
	read_exactly(job->from_helper, body, length);
	memcpy(&number, body, sizeof(number));
	switch (number) {
	case MSG_LOG: show_log(job, body + 2); break;
	case MSG_SUSPEND:
		job->times.asked = now_ns();
		value = suspend(job);
		job->times.suspended = now_ns();
		reply(job, value);
		break;
	case MSG_QEMU_LOGDIRTY:
	case MSG_STATIC_DATA_DONE: reply(job, 0); break;
	case MSG_RESTORE_RESULTS:
		memcpy(&job->store_mfn, body + 2, 8);
		memcpy(&job->console_mfn, body + 10, 8);
		break;
	case MSG_COMPLETE:
		job->times.complete = now_ns();
		memcpy(status, body + 2, sizeof(status));
		if (status[0])
			fprintf(stderr, "helper-driver: helper says %d, %s\n", status[0],
				strerror(status[1]));
		*result = status[0];
		reply(job, 0);
		return true;
	}
	return false;
}

static pid_t start_helper(struct job *job, int stream, char **arguments)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe(in) || pipe(out))
		die("pipe");
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		fcntl(stream, F_SETFD, 0);
		execv(helper_path(), arguments);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	job->to_helper = in[1];
	job->from_helper = out[0];
	return pid;
}

int run_helper(struct job *job, int stream, char **arguments)
{
	pid_t pid = start_helper(job, stream, arguments);
	int result = -1, status;

	while (!take_message(job, &result))
		;
	waitpid(pid, &status, 0);
	if (getenv("TIMES"))
		fprintf(stderr,
			"times: first %" PRIu64 " asked %" PRIu64 " suspended %" PRIu64 " complete %" PRIu64
			"\n",
			job->times.first, job->times.asked, job->times.suspended, job->times.complete);
	return result || status;
}
