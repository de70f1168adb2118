/* See open-image.h. */
#include "cli/open-image.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/unpack.h"
#include "log.h"
#include "process/stop.h"

/* Until something is written to the FIFO. Its open() would wait too, but hear no stop. */
static int wait_for_writer(int fd)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN }, { .fd = stop_fd(), .events = POLLIN } };
	int rc = stop_requested();

	while (!rc && !fds[0].revents) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return fail_errno("poll");
		rc = stop_requested();
	}
	return rc;
}

static int open_file(const char *path, int *fd)
{
	struct stat facts;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, &facts))
		return fail_errno("cannot open it");
	if (S_ISDIR(facts.st_mode))
		return fail(EISDIR, "it is a directory");
	return S_ISFIFO(facts.st_mode) ? wait_for_writer(*fd) : 0;
}

/* One at a time: an image with parents, or two that are merged, are pvferry's own, of which none is unpacked. */
static struct unpack unpacking;
static const struct channel *unpacked_for;

static int start_unpacking(const struct channel *channel, int *fd)
{
	int rc = unpack_start(&unpacking, fd);

	if (unpacking.child)
		unpacked_for = channel;
	return rc;
}

int open_image(struct channel *channel, const char *path)
{
	int fd = STDIN_FILENO, rc = 0;

	*channel = (struct channel){ .fd = STDIN_FILENO, .own_fd = -1, .cancel_fd = -1 };
	if (!strcmp(path, "-"))
		path = "standard input";
	else
		rc = open_file(path, &fd);
	if (!rc && isatty(fd))
		rc = fail(ENOTTY, "an image is not read from a terminal");
	if (!rc && !unpacked_for)
		rc = start_unpacking(channel, &fd);
	if (!rc)
		rc = channel_init(channel, fd, path);
	if (rc && fd > STDIN_FILENO)
		close(fd);
	return rc;
}

void close_image(struct channel *channel)
{
	channel_release(channel);
	if (channel->fd != STDIN_FILENO)
		close(channel->fd);
	if (channel != unpacked_for)
		return;
	unpack_end(&unpacking);
	unpacked_for = NULL;
}
