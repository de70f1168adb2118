/* See open-image.h. */
#include "cli/open-image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

int open_image(struct channel *channel, const char *path)
{
	struct stat facts;
	int fd, rc;

	if (!strcmp(path, "-"))
		return isatty(STDIN_FILENO) ? fail(ENOTTY, "an image is not read from a terminal")
					    : channel_init(channel, STDIN_FILENO, "standard input");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno("cannot open %s", path);
	if (!fstat(fd, &facts) && S_ISDIR(facts.st_mode))
		rc = fail(EISDIR, "%s is a directory", path);
	else
		rc = channel_init(channel, fd, path);
	if (rc)
		close(fd);
	return rc;
}

void close_image(struct channel *channel)
{
	channel_release(channel);
	if (channel->fd != STDIN_FILENO)
		close(channel->fd);
}
