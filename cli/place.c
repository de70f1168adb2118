/*
 * See place.h. In: a path. Out: the open directory in which the file itself lies, its name there, and what it is. The
 * trap: between looking and opening another process may put another file there, so place_open() compares what it has
 * opened with what was found.
 */
#include "cli/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "log.h"
#include "process/stop.h"

enum { LINKS_MOST = 40, READER_POLL_MS = 50 };

/* Into the directory of a path that begins at the place's directory. */
static int directory_enter(struct place *place, char *at, const char *path)
{
	char *slash = strrchr(at, '/'), *name = slash ? slash + 1 : at;
	int directory;

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return fail(EISDIR, "%s is a directory", path);
	if (strlen(name) > NAME_MAX)
		return fail(ENAMETOOLONG, "%s: the name is too long", path);
	memcpy(place->name, name, strlen(name) + 1);
	*name = '\0';
	directory = openat(place->directory < 0 ? AT_FDCWD : place->directory, *at ? at : ".",
			   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return fail_errno("cannot open the directory of %s", path);
	place_release(place);
	place->directory = directory;
	return 0;
}

/* Links below /proc lead to what a process has open, which may have no name, or another one by now. */
static bool is_in_proc(const struct place *place)
{
	struct statfs facts;

	return !fstatfs(place->directory, &facts) && facts.f_type == PROC_SUPER_MAGIC;
}

static int name_descriptor(struct place *place, const char *path)
{
	struct stat named, own;
	char *end;
	long number = strtol(place->name, &end, 10);

	if (*end || fstat(place->directory, &named) || stat("/proc/self/fd", &own) ||
	    named.st_ino != own.st_ino || named.st_dev != own.st_dev)
		return fail(EINVAL, "%s is a link below /proc: name the file itself", path);
	place_release(place);
	place->descriptor = number;
	return fstat(number, &place->facts) ? fail_errno("cannot write %s", path) : 0;
}

static int place_look(struct place *place, const char *path)
{
	if (!fstatat(place->directory, place->name, &place->facts, AT_SYMLINK_NOFOLLOW))
		return 0;
	place->facts = (struct stat){ 0 };
	return errno == ENOENT ? 0 : fail_errno("cannot look at %s", path);
}

int place_find(struct place *place, const char *path)
{
	char at[PATH_MAX];

	*place = (struct place){ .directory = -1, .descriptor = -1 };
	if (snprintf(at, sizeof(at), "%s", path) >= (int)sizeof(at))
		return fail(ENAMETOOLONG, "%s: the path is too long", path);
	for (int i = 0; i <= LINKS_MOST; i++) {
		int rc = directory_enter(place, at, path);
		ssize_t length;

		if (rc)
			return rc;
		length = readlinkat(place->directory, place->name, at, sizeof(at) - 1);
		if (length < 0)
			return place_look(place, path);
		if (is_in_proc(place))
			return name_descriptor(place, path);
		at[length] = '\0';
	}
	return fail(ELOOP, "%s: too many links, one behind the other", path);
}

void place_release(struct place *place)
{
	if (place->directory >= 0)
		close(place->directory);
	place->directory = -1;
}

/* A FIFO that nothing reads yet cannot be opened without waiting (ENXIO), and a process that waits in open() hears no stop. */
static int open_now(const struct place *place)
{
	mode_t kind = place->facts.st_mode & S_IFMT;
	int flags = O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC |
		    (kind == S_IFBLK ? O_EXCL : 0);
	int fd = openat(place->directory, place->name, flags);

	while (fd < 0 && errno == ENXIO && kind == S_IFIFO) {
		int rc = stop_wait(READER_POLL_MS);

		if (rc)
			return rc;
		fd = openat(place->directory, place->name, flags);
	}
	return fd;
}

int place_open(const struct place *place, const char *path, int *fd)
{
	struct stat facts;

	*fd = open_now(place);
	if (*fd < 0 && errno == EBUSY)
		return fail(EBUSY, "%s is in use by the host (mounted, swap, or part of a volume)", path);
	if (*fd < 0)
		return fail_errno("cannot write %s", path);
	if (fstat(*fd, &facts) || facts.st_ino != place->facts.st_ino ||
	    facts.st_dev != place->facts.st_dev || (facts.st_mode ^ place->facts.st_mode) & S_IFMT)
		return fail(ESTALE, "%s was replaced by another file just now", path);
	return 0;
}
