/* All or nothing over a descriptor, see channel.h. */
#include "stream/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "process/stop.h"

static int channel_look(struct channel *channel, int fd, const char *name)
{
	struct stat facts;

	*channel = (struct channel){ .fd = fd, .name = name, .cancel_fd = -1, .own_fd = -1 };
	if (fstat(fd, &facts) < 0)
		return fail_errno("%s", name);
	channel->kind = facts.st_mode & S_IFMT;
	channel->can_wait = !S_ISREG(facts.st_mode) && !S_ISBLK(facts.st_mode);
	channel->is_socket = S_ISSOCK(facts.st_mode);
	channel->old_flags = fcntl(fd, F_GETFL);
	return 0;
}

int channel_init(struct channel *channel, int fd, const char *name)
{
	int rc = channel_look(channel, fd, name);

	if (rc)
		return rc;
	channel->is_socket = false; /* read and written like anything else */
	if (channel->can_wait && fcntl(fd, F_SETFL, channel->old_flags | O_NONBLOCK) < 0)
		return fail_errno("%s", name);
	return 0;
}

/*
 * O_NONBLOCK belongs to the open file, not to the descriptor. A pipe can be
 * opened anew through /proc, a socket be told with each call not to block;
 * what is left is asked beforehand. A longer pipe takes fewer turns of sender
 * and receiver, and is not seen by either.
 */
int channel_init_shared(struct channel *channel, int fd, const char *name)
{
	int rc = channel_look(channel, fd, name);
	char path[32];

	if (rc || !channel->can_wait || channel->is_socket)
		return rc;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	channel->own_fd = open(path, (channel->old_flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	fcntl(fd, F_SETPIPE_SZ, 1 << 20);
	if (channel->own_fd >= 0)
		channel->fd = channel->own_fd;
	else
		channel->may_block = true;
	return 0;
}

void channel_release(struct channel *channel)
{
	if (channel->own_fd >= 0)
		close(channel->own_fd);
	else if (channel->can_wait && !channel->is_socket && !channel->may_block)
		fcntl(channel->fd, F_SETFL, channel->old_flags);
	channel->can_wait = false;
	channel->own_fd = -1;
}

static bool is_ready(const struct channel *channel, short events)
{
	struct pollfd one = { .fd = channel->fd, .events = events };

	if (!channel->may_block || poll(&one, 1, 0) > 0)
		return true;
	errno = EAGAIN;
	return false;
}

static ssize_t write_now(struct channel *channel, struct iovec *parts, size_t count)
{
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count < IOV_MAX ? count : IOV_MAX };

	if (channel->is_socket)
		return sendmsg(channel->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!is_ready(channel, POLLOUT))
		return -1;
	if (channel->may_block) /* so much does not block a pipe that is ready */
		return write(channel->fd, parts->iov_base,
			     parts->iov_len < PIPE_BUF ? parts->iov_len : PIPE_BUF);
	return writev(channel->fd, parts, message.msg_iovlen);
}

static ssize_t read_now(struct channel *channel, void *bytes, size_t most)
{
	if (channel->is_socket)
		return recv(channel->fd, bytes, most, MSG_DONTWAIT);
	return is_ready(channel, POLLIN) ? read(channel->fd, bytes, most) : -1;
}

/* After a call that moved nothing: 0 to try again. */
static int wait_or_fail(struct channel *channel, short events, const char *verb)
{
	struct pollfd fds[3] = {
		{ .fd = channel->fd, .events = events },
		{ .fd = stop_fd(), .events = POLLIN },
		{ .fd = channel->cancel_fd, .events = POLLIN },
	};

	if (errno != EAGAIN && errno != EINTR)
		return fail_errno("cannot %s %s", verb, channel->name);
	if (errno == EAGAIN && poll(fds, 3, -1) < 0 && errno != EINTR)
		return fail_errno("poll");
	return fds[2].revents ? -ECANCELED : stop_requested();
}

static void skip_written(struct iovec **parts, size_t *count, size_t done)
{
	while (*count && done >= (*parts)->iov_len) {
		done -= (*parts)->iov_len;
		++*parts;
		--*count;
	}
	if (*count) {
		(*parts)->iov_base = (char *)(*parts)->iov_base + done;
		(*parts)->iov_len -= done;
	}
}

int channel_write_parts(struct channel *channel, struct iovec *parts, size_t count)
{
	while (count) {
		ssize_t done = write_now(channel, parts, count);
		int rc = done < 0 ? wait_or_fail(channel, POLLOUT, "write") : 0;

		if (!rc && done > 0 && channel->pace)
			rc = channel->pace(channel->context, done);
		if (rc)
			return rc;
		if (done > 0) {
			channel->bytes += done;
			skip_written(&parts, &count, done);
		} else if (done == 0 && (*parts).iov_len == 0) {
			skip_written(&parts, &count, 0);
		}
	}
	return 0;
}

int channel_write(struct channel *channel, const void *bytes, size_t count)
{
	struct iovec part = { (void *)bytes, count };

	return channel_write_parts(channel, &part, 1);
}

ssize_t channel_read_some(struct channel *channel, void *bytes, size_t most)
{
	for (;;) {
		ssize_t done = read_now(channel, bytes, most);
		int rc;

		if (done >= 0) {
			channel->bytes += done;
			return done;
		}
		rc = wait_or_fail(channel, POLLIN, "read");
		if (rc)
			return rc;
	}
}

int channel_read(struct channel *channel, void *bytes, size_t count)
{
	char *to = bytes;

	while (count) {
		ssize_t done = channel_read_some(channel, to, count);

		if (done < 0)
			return done;
		if (!done)
			return fail(ENODATA, "%s is cut short: it ends at byte %lu", channel->name,
				    (unsigned long)channel->bytes);
		to += done;
		count -= done;
	}
	return 0;
}

int channel_read_at(struct channel *channel, void *bytes, size_t count, uint64_t at)
{
	char *to = bytes;

	while (count) {
		ssize_t done = pread(channel->fd, to, count, at);
		int rc = done < 0 ? wait_or_fail(channel, POLLIN, "read") : 0;

		if (rc)
			return rc;
		if (!done)
			return fail(ENODATA, "%s is cut short: it ends at byte %lu", channel->name, at);
		if (done > 0) {
			to += done;
			at += done;
			count -= done;
		}
	}
	return 0;
}

bool channel_has_tail(const struct channel *channel)
{
	struct stat facts;
	off_t here = lseek(channel->fd, 0, SEEK_CUR);

	return channel->kind == S_IFREG && here >= 0 && !fstat(channel->fd, &facts) && here < facts.st_size;
}
