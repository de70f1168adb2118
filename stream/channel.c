/* All or nothing over a descriptor, see channel.h. */
#include "stream/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "stop.h"

int channel_init(struct channel *channel, int fd, const char *name)
{
	struct stat facts;

	*channel = (struct channel){ .fd = fd, .name = name, .cancel_fd = -1 };
	if (fstat(fd, &facts) < 0)
		return fail_errno("%s", name);
	channel->can_wait = !S_ISREG(facts.st_mode) && !S_ISBLK(facts.st_mode);
	channel->old_flags = fcntl(fd, F_GETFL);
	if (channel->can_wait && fcntl(fd, F_SETFL, channel->old_flags | O_NONBLOCK) < 0)
		return fail_errno("%s", name);
	return 0;
}

void channel_release(struct channel *channel)
{
	if (channel->can_wait)
		fcntl(channel->fd, F_SETFL, channel->old_flags);
	channel->can_wait = false;
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
		ssize_t done = writev(channel->fd, parts, count < IOV_MAX ? count : IOV_MAX);
		int rc = done < 0 ? wait_or_fail(channel, POLLOUT, "write") : 0;

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
		ssize_t done = read(channel->fd, bytes, most);
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
