/* See points.h. */
#include "checkpoint/points.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "process/child.h"

#define LOCK_NAME ".lock"

int points_open(struct points *p, const char *path, bool make)
{
	*p = (struct points){ .path = path, .directory = -1, .lock = -1 };
	if (make && mkdir(path, 0700) && errno != EEXIST)
		return fail_errno("cannot make the directory %s", path);
	p->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->directory < 0 ? fail_errno("cannot open the directory %s", path) : 0;
}

/* --- one process at a time -------------------------------------------------------- */

/* ".NAME.xxxxxx", which cli/publish.c writes to before it has its name. */
static bool is_temporary(const char *file)
{
	const char *dot = strrchr(file, '.');
	char name[POINT_NAME_BYTES];
	struct point_name parsed;

	if (*file != '.' || !dot || dot == file || strlen(dot) != 7 || dot - file > (int)sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(dot - file - 1), file + 1);
	return point_name_parse(name, &parsed);
}

static DIR *open_listing(const struct points *p)
{
	int fd = openat(p->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		fail_errno("cannot read the directory %s", p->path);
	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* NULL: there are no more, or a failure, which close_listing() tells apart by errno. */
static struct dirent *next_entry(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

static int close_listing(const struct points *p, DIR *dir)
{
	int rc = errno ? fail_errno("cannot read the directory %s", p->path) : 0;

	closedir(dir);
	return rc;
}

static int remove_temporaries(const struct points *p)
{
	DIR *dir = open_listing(p);
	struct dirent *entry;

	if (!dir)
		return -EIO;
	while ((entry = next_entry(dir)))
		if (is_temporary(entry->d_name) && !unlinkat(p->directory, entry->d_name, 0))
			say(SAY_NOTE, "%s/%s, which a checkpoint that was killed has left, is removed",
			    p->path, entry->d_name);
	return close_listing(p, dir);
}

/* A file, since not every file system lets a directory be locked (NFS). It stays, as to remove it would race. */
int points_lock(struct points *p)
{
	p->lock = openat(p->directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->lock < 0)
		return fail_errno("cannot write to the directory %s", p->path);
	/* A sender that outlives us for a moment writes nothing that is published. */
	child_private(p->lock);
	if (!flock(p->lock, LOCK_EX | LOCK_NB))
		return remove_temporaries(p);
	if (errno == EWOULDBLOCK)
		return fail(EBUSY, "another pvferry process makes or removes checkpoints in %s", p->path);
	return fail_errno("cannot lock %s/" LOCK_NAME, p->path);
}

/* --- what there is ------------------------------------------------------------------ */

/* Does this failure leave open what is in the file? One that has gone, and a socket, are no checkpoint for certain. */
static bool tells_nothing(const struct point *point, int rc)
{
	if (!rc || rc == -EBADMSG || rc == -ENODATA)
		return false;
	return point->name.number || (rc != -ENOENT && rc != -ENXIO && rc != -ELOOP);
}

static void point_look(struct points *p, struct point *point)
{
	int fd = openat(p->directory, point->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct index_place place;
	struct stat facts;
	int rc = fd < 0 || fstat(fd, &facts) ? fail_errno("cannot open it")
					     : index_find(fd, point->file, &place);

	if (fd >= 0)
		close(fd);
	if (rc > 0) {
		point->head = place.head;
		point->bytes = facts.st_size;
		return;
	}
	snprintf(point->defect, sizeof(point->defect), "%s", rc ? fail_reason() : "it has no index");
	fail_forget();
	if (p->error || !tells_nothing(point, rc))
		return;
	p->error = -rc;
	snprintf(p->unread, sizeof(p->unread), "%s/%s: %s", p->path, point->file, point->defect);
}

/* The name, or the beginning, of an image: to pass it over would be to say that it is sound. All else is not ours to judge. */
static bool is_image(const struct points *p, const char *file)
{
	struct {
		struct skippable cover;
		struct head head;
	} __attribute__((packed)) front;
	const char *suffix = strrchr(file, '.');
	struct stat facts;
	ssize_t got;
	int fd;

	if (fstatat(p->directory, file, &facts, 0) || !S_ISREG(facts.st_mode))
		return false;
	if (suffix && !strcmp(suffix, ".pvf"))
		return true;
	fd = openat(p->directory, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	got = fd < 0 ? 0 : pread(fd, &front, sizeof(front), 0);
	if (fd >= 0)
		close(fd);
	return got == sizeof(front) && front.cover.magic == HEAD_MAGIC &&
	       !memcmp(front.head.mark, HEAD_MARK, sizeof(front.head.mark));
}

static int by_number(const void *a, const void *b)
{
	const struct point *one = a, *other = b;

	if (one->name.number != other->name.number)
		return one->name.number < other->name.number ? -1 : 1;
	return strcmp(one->file, other->file);
}

static int points_add(struct points *p, const char *file)
{
	struct point point = { .bytes = 0 }, *grown;

	/* Names that begin with a dot are of files that are being written. */
	if (*file == '.')
		return 0;
	snprintf(point.file, sizeof(point.file), "%s", file);
	if (!point_name_parse(file, &point.name))
		point.name = (struct point_name){ .number = 0 };
	point_look(p, &point);
	if (!point.name.number && *point.defect && !is_image(p, file))
		return 0;
	grown = realloc(p->at, (p->count + 1) * sizeof(*grown));
	if (!grown)
		return fail(ENOMEM, "out of memory");
	p->at = grown;
	p->at[p->count++] = point;
	return 0;
}

int points_read(struct points *p)
{
	DIR *dir = open_listing(p);
	struct dirent *entry;
	int rc = 0;

	p->count = 0;
	p->error = 0;
	if (!dir)
		return -EIO;
	while (!rc && (entry = next_entry(dir)))
		rc = points_add(p, entry->d_name);
	if (rc)
		closedir(dir);
	else
		rc = close_listing(p, dir);
	if (p->count)
		qsort(p->at, p->count, sizeof(*p->at), by_number);
	return rc;
}

int points_check(const struct points *p)
{
	return p->error ? fail(p->error, "%s", p->unread) : 0;
}

void points_close(struct points *p)
{
	free(p->at);
	child_unprivate(p->lock);
	if (p->lock >= 0)
		close(p->lock);
	if (p->directory >= 0)
		close(p->directory);
	*p = (struct points){ .directory = -1, .lock = -1 };
}

const struct point *points_newest(const struct points *p)
{
	const struct point *last = p->count ? &p->at[p->count - 1] : NULL;

	return last && last->name.number ? last : NULL;
}
