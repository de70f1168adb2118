/* See publish.h. */
#include "cli/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

static int open_as_it_is(struct publication *p)
{
	p->fd = open(p->path, O_WRONLY | O_CLOEXEC);
	return p->fd < 0 ? fail_errno("cannot write %s", p->path) : 0;
}

static int open_directory(struct publication *p)
{
	char *copy = strdup(p->path);

	if (!copy)
		return fail(ENOMEM, "out of memory");
	p->directory = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	return p->directory < 0 ? fail_errno("cannot open the directory of %s", p->path) : 0;
}

static int open_temporary(struct publication *p)
{
	const char *slash = strrchr(p->path, '/');
	int before = slash ? slash - p->path + 1 : 0;

	if (asprintf(&p->temporary, "%.*s.%s.XXXXXX", before, p->path, p->path + before) < 0) {
		p->temporary = NULL;
		return fail(ENOMEM, "out of memory");
	}
	p->fd = mkostemp(p->temporary, O_CLOEXEC); /* mode 0600 */
	if (p->fd >= 0)
		return 0;
	free(p->temporary);
	p->temporary = NULL;
	return fail_errno("cannot create a file beside %s", p->path);
}

int publication_open(struct publication *p, const char *path, bool replace)
{
	struct stat facts;
	bool exists = !stat(path, &facts);
	int rc;

	*p = (struct publication){ .fd = -1, .path = path, .directory = -1, .replace = replace };
	if (!strcmp(path, "-")) {
		p->path = "standard output";
		p->fd = STDOUT_FILENO;
		return isatty(p->fd) ? fail(ENOTTY, "an image is not written to a terminal") : 0;
	}
	if (exists && S_ISDIR(facts.st_mode))
		return fail(EISDIR, "%s is a directory", path);
	if (exists && !S_ISREG(facts.st_mode))
		return open_as_it_is(p);
	if (exists && !replace)
		return fail(EEXIST, "%s exists; --force replaces it", path);
	rc = open_directory(p);
	return rc ? rc : open_temporary(p);
}

static int rename_into_place(struct publication *p)
{
	if (!renameat2(AT_FDCWD, p->temporary, AT_FDCWD, p->path, p->replace ? 0 : RENAME_NOREPLACE))
		return 0;
	if (errno == EINVAL && !p->replace) { /* a file system that cannot: link does the same */
		if (link(p->temporary, p->path))
			return fail_errno("cannot name the image %s", p->path);
		unlink(p->temporary);
		return 0;
	}
	return fail_errno("cannot name the image %s", p->path);
}

static int sync_and_close(struct publication *p)
{
	int rc = 0;

	/* A pipe or a device may know no fsync. */
	if (fsync(p->fd) && (p->temporary || (errno != EINVAL && errno != EROFS)))
		rc = fail_errno("cannot bring %s to the disk", p->path);
	if (p->fd != STDOUT_FILENO || p->temporary) {
		if (close(p->fd) && !rc)
			rc = fail_errno("cannot close %s", p->path);
		p->fd = -1;
	}
	return rc;
}

int publication_commit(struct publication *p)
{
	int rc = sync_and_close(p);

	if (rc || !p->temporary)
		return rc;
	rc = rename_into_place(p);
	if (rc)
		return rc;
	free(p->temporary);
	p->temporary = NULL;
	return fsync(p->directory) ? fail_errno("cannot bring the name %s to the disk", p->path) : 0;
}

void publication_abandon(struct publication *p)
{
	if (p->temporary)
		unlink(p->temporary);
	free(p->temporary);
	p->temporary = NULL;
	if (p->fd >= 0 && p->fd != STDOUT_FILENO)
		close(p->fd);
	p->fd = -1;
	if (p->directory >= 0)
		close(p->directory);
	p->directory = -1;
}
