/* Who is at work on a job, see journal.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"

/* -EBUSY, without a reason: somebody has it. */
static int lock_file(const char *path, int *fd)
{
	struct stat facts;
	int rc = journal_make_folder();

	if (rc)
		return rc;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return fail_errno("cannot open %s", path);
	if (!flock(*fd, LOCK_EX | LOCK_NB)) {
		if (!fstat(*fd, &facts) && facts.st_nlink)
			return 0;
		close(*fd); /* whoever had it has removed it meanwhile */
		return lock_file(path, fd);
	}
	rc = errno == EWOULDBLOCK ? -EBUSY : fail_errno("cannot lock %s", path);
	close(*fd);
	*fd = -1;
	return rc;
}

static void unlock_file(const char *path, int fd)
{
	if (fd < 0)
		return;
	unlink(path);
	close(fd);
}

int journal_lock(const char *job, enum journal_role role, int *fd)
{
	char path[JOURNAL_PATH_ROOM];
	int rc;

	journal_path(path, job, role, "lock");
	rc = lock_file(path, fd);
	return rc == -EBUSY ? fail(EBUSY, "job %s is still at work here", job) : rc;
}

void journal_unlock(const char *job, enum journal_role role, int fd)
{
	char path[JOURNAL_PATH_ROOM];

	journal_path(path, job, role, "lock");
	unlock_file(path, fd);
}

static void name_path(char path[JOURNAL_PATH_ROOM], const char *domain)
{
	snprintf(path, JOURNAL_PATH_ROOM, "%s/%s.name.lock", journal_folder(), domain);
}

int journal_lock_name(const char *domain, int *fd)
{
	char path[JOURNAL_PATH_ROOM];
	int rc;

	name_path(path, domain);
	rc = lock_file(path, fd);
	return rc == -EBUSY ? fail(EBUSY, "another job is at work on domain \"%s\" here", domain) : rc;
}

void journal_unlock_name(const char *domain, int fd)
{
	char path[JOURNAL_PATH_ROOM];

	name_path(path, domain);
	unlock_file(path, fd);
}

/* No name is a number. */
int journal_lock_domain(uint32_t id, int *fd)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", id);
	return journal_lock_name(text, fd);
}

void journal_unlock_domain(uint32_t id, int fd)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", id);
	journal_unlock_name(text, fd);
}

static void sweep_one(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		unlink(path);
	close(fd);
}

void journal_sweep(void)
{
	DIR *directory = opendir(journal_folder());
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		size_t length = strlen(entry->d_name);
		char path[JOURNAL_PATH_ROOM + 300];

		if (length < 5 || strcmp(entry->d_name + length - 5, ".lock"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", journal_folder(), entry->d_name);
		sweep_one(path);
	}
	if (directory)
		closedir(directory);
}
