/*
 * The kernel takes what is written into its cache at once and to the disk later, so a writer does not see how fast
 * the disk is; and the sync at the end takes all the longer. Here writing to the disk begins as soon as there is a
 * MiB, and a writer that is more than eight ahead waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "log.h"
#include "stream/channel.h"

enum { PIECE = 1 << 20, AHEAD = 8 * PIECE };

static int sync_piece(struct channel *channel, uint64_t at, unsigned int flags)
{
	if (!sync_file_range(channel->fd, at, PIECE, flags))
		return 0;
	/* It cannot be done everywhere. But an error of the disk is told once only: here, and not by the sync at the end. */
	if (errno != EINVAL && errno != ESPIPE && errno != ENOSYS && errno != EINTR)
		return fail_errno("cannot write %s", channel->name);
	return 0;
}

int channel_keep_pace(struct channel *channel)
{
	enum { WAIT = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER };
	int rc = 0;

	if (channel->kind != S_IFREG && channel->kind != S_IFBLK)
		return 0;
	for (; !rc && channel->bytes - channel->syncing >= PIECE; channel->syncing += PIECE) {
		rc = sync_piece(channel, channel->syncing, SYNC_FILE_RANGE_WRITE);
		if (!rc && channel->syncing >= AHEAD)
			rc = sync_piece(channel, channel->syncing - AHEAD, WAIT);
	}
	return rc;
}
