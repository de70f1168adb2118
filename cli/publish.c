/*
 * See publish.h. In: a path, and whether an old file may be replaced. Out: a descriptor to write to, and at the end the
 * file under its name, synced, or nothing. The trap: an image is all that is left of a guest that is destroyed after
 * the save, so each call that can fail is checked, and the directory is synced, too, before success is reported.
 */
#include "cli/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "log.h"

enum { TEMPORARY_TRIES = 100, TEMPORARY_NAME = 200 };

static int open_temporary(struct publication *p)
{
	unsigned int number;

	for (int i = 0; i < TEMPORARY_TRIES && p->fd < 0; i++) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return fail_errno("no random numbers");
		snprintf(p->temporary, sizeof(p->temporary), ".%.*s.%06x", TEMPORARY_NAME, p->place.name,
			 number & 0xffffff);
		p->fd = openat(p->place.directory, p->temporary,
			       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (p->fd < 0 && errno != EEXIST)
			break;
	}
	if (p->fd >= 0)
		return 0;
	p->temporary[0] = '\0';
	return fail_errno("cannot create a file beside %s", p->path);
}

static int open_descriptor(struct publication *p, int descriptor)
{
	p->place.descriptor = descriptor;
	if (fstat(descriptor, &p->place.facts))
		return fail_errno("cannot write %s", p->path);
	p->fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
	return p->fd < 0 ? fail_errno("cannot write %s", p->path) : 0;
}

static int open_place(struct publication *p)
{
	mode_t mode = p->place.facts.st_mode;

	if (p->place.descriptor >= 0)
		return open_descriptor(p, p->place.descriptor);
	if (S_ISDIR(mode))
		return fail(EISDIR, "%s is a directory", p->path);
	if (mode && !S_ISREG(mode))
		return place_open(&p->place, p->path, &p->fd);
	if (mode && !p->replace)
		return fail(EEXIST, "%s exists; --force replaces it", p->path);
	return open_temporary(p);
}

#define HINT \
	": the domain would be destroyed, and perhaps no image of it be left; -c keeps the domain, --force " \
	"destroys it all the same"

/* Before anything is opened: what the path, or standard output, leads to. */
static int check_keeps(const struct publication *p)
{
	const struct stat *facts = &p->place.facts;

	if (S_ISCHR(facts->st_mode))
		return fail(EINVAL, "%s is a device that may keep nothing of what is written to it%s",
			    p->path, HINT);
	if (S_ISFIFO(facts->st_mode) || S_ISSOCK(facts->st_mode))
		return fail(EINVAL, "%s is a %s, whose reader may keep nothing of it%s", p->path,
			    S_ISFIFO(facts->st_mode) ? "pipe" : "socket", HINT);
	if (p->place.descriptor >= 0 && S_ISREG(facts->st_mode) && facts->st_size)
		return fail(EINVAL,
			    "%s is a file that holds %ld bytes already, and no image can be restored from "
			    "behind them%s",
			    p->path, (long)facts->st_size, HINT);
	return 0;
}

bool publication_is_output(const char *path)
{
	struct place place;
	bool is_output = !strcmp(path, "-");

	if (is_output)
		return true;
	is_output = !place_find(&place, path) && place.descriptor == STDOUT_FILENO;
	place_release(&place);
	fail_forget();
	return is_output;
}

int publication_open(struct publication *p, const char *path, bool replace, bool must_keep)
{
	bool is_output = !strcmp(path, "-");
	int rc;

	*p = (struct publication){ .fd = -1,
				   .path = is_output ? "standard output" : path,
				   .place = { .directory = -1, .descriptor = -1 },
				   .replace = replace };
	rc = is_output ? open_descriptor(p, STDOUT_FILENO) : place_find(&p->place, path);
	if (!rc && must_keep && !isatty(p->fd))
		rc = check_keeps(p);
	if (!rc && !is_output)
		rc = open_place(p);
	if (!rc && isatty(p->fd))
		rc = fail(ENOTTY, "an image is not written to a terminal");
	return rc;
}

static bool is_unknown(int error)
{
	return error == EINVAL || error == EOPNOTSUPP || error == ENOSYS;
}

static int sync_and_close(struct publication *p)
{
	mode_t mode = p->place.facts.st_mode;
	bool is_stored = !mode || S_ISREG(mode) || S_ISBLK(mode);
	int rc = 0;

	/* A pipe or a character device may know no fsync. */
	if (fsync(p->fd) && (is_stored || (errno != EINVAL && errno != EROFS))) {
		if (is_unknown(errno))
			say(SAY_WARNING,
			    "%s cannot be synced there (%s): a power failure soon after this may damage it",
			    p->path, strerror(errno));
		else
			rc = fail_errno("cannot bring %s to the disk", p->path);
	}
	if (close(p->fd) && !rc)
		rc = fail_errno("cannot close %s", p->path);
	p->fd = -1;
	return rc;
}

static int rename_with(const struct publication *p, unsigned int flags)
{
	int directory = p->place.directory;

	return renameat2(directory, p->temporary, directory, p->place.name, flags);
}

/*
 * For file systems that know no flags of renameat2 (and often no hard links either: FAT, CIFS, object stores): an empty
 * file takes the name, which fails if there is one, and is then replaced.
 */
static int rename_over_placeholder(const struct publication *p)
{
	int directory = p->place.directory, rc;
	int fd = openat(directory, p->place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail_errno("cannot name the image %s", p->path);
	close(fd);
	if (!renameat(directory, p->temporary, directory, p->place.name))
		return 0;
	rc = fail_errno("cannot name the image %s", p->path);
	unlinkat(directory, p->place.name, 0);
	return rc;
}

static int put_new(const struct publication *p)
{
	if (!rename_with(p, RENAME_NOREPLACE))
		return 0;
	if (is_unknown(errno))
		return rename_over_placeholder(p);
	return fail_errno("cannot name the image %s", p->path);
}

/* The old file takes the temporary name, so that it can be put back; where that cannot be done it is gone at once. */
static int put_over_old(const struct publication *p, bool *has_old)
{
	int directory = p->place.directory;

	*has_old = !rename_with(p, RENAME_EXCHANGE);
	if (*has_old || !renameat(directory, p->temporary, directory, p->place.name))
		return 0;
	return fail_errno("cannot name the image %s", p->path);
}

static int sync_directory(const struct publication *p)
{
	if (!fsync(p->place.directory))
		return 0;
	if (!is_unknown(errno) && errno != EBADF)
		return fail_errno("cannot bring the name %s to the disk", p->path);
	say(SAY_WARNING,
	    "the directory of %s cannot be synced (%s): a power failure soon after this may take the name "
	    "away",
	    p->path, strerror(errno));
	return 0;
}

/* The caller is going to be told that there is no image: none may be there. */
static void publish_undo(const struct publication *p, bool was_there, bool has_old)
{
	if (has_old)
		rename_with(p, RENAME_EXCHANGE);
	else if (!was_there)
		unlinkat(p->place.directory, p->place.name, 0);
	else
		say(SAY_WARNING, "%s was replaced all the same", p->path);
}

int publication_commit(struct publication *p)
{
	bool was_there = p->place.facts.st_mode, has_old = false;
	int rc = sync_and_close(p);

	if (rc || !*p->temporary)
		return rc;
	rc = p->replace ? put_over_old(p, &has_old) : put_new(p);
	if (rc)
		return rc;
	rc = sync_directory(p);
	if (rc)
		publish_undo(p, was_there, has_old);
	if (has_old)
		unlinkat(p->place.directory, p->temporary, 0);
	p->temporary[0] = '\0';
	return rc;
}

void publication_abandon(struct publication *p)
{
	if (*p->temporary)
		unlinkat(p->place.directory, p->temporary, 0);
	p->temporary[0] = '\0';
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	place_release(&p->place);
}
