/*
 * Who is at work on a job, see journal.h. A lock is a file with a flock: it goes with the last process that has it
 * open, so a job that was killed holds nothing. Four kinds: of a job and role, a domain's id, its name, its UUID. The
 * trap: children inherit a lock; only one that is closed in all of them is free.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "journal/journal.h"
#include "log.h"

const char *run_folder(void)
{
	const char *own = secure_getenv("PVFERRY_RUN");

	return own ? own : "/run/pvferry";
}

static void lock_path(char path[JOURNAL_PATH_ROOM], const char *name, const char *kind)
{
	snprintf(path, JOURNAL_PATH_ROOM, "%s/locks/%s.%s.lock", run_folder(), name, kind);
}

static int make_folder(void)
{
	char path[JOURNAL_PATH_ROOM];
	int rc = journal_make_folder(run_folder());

	snprintf(path, sizeof(path), "%s/locks", run_folder());
	return rc ? rc : journal_make_folder(path);
}

/*
 * Takes the lock, if no other process has it. Its holder removes the file
 * before it lets go: a lock of a file that has no name any more is worth
 * nothing, for another process may hold the file that has the name now.
 */
static bool lock_is_taken(int fd)
{
	struct stat facts;

	return !flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &facts) && facts.st_nlink;
}

/* -EBUSY, without a reason: another process has it. */
static int lock_file(const char *path, int *fd)
{
	int rc = make_folder();

	if (rc)
		return rc;
	do {
		*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (*fd < 0)
			return fail_errno("cannot open %s", path);
		errno = 0;
		if (lock_is_taken(*fd))
			return 0;
		rc = errno;
		close(*fd);
	} while (!rc);
	*fd = -1;
	return rc == EWOULDBLOCK ? -EBUSY : fail(rc, "cannot lock %s: %s", path, strerror(rc));
}

static void unlock_file(const char *path, int fd)
{
	if (fd < 0)
		return;
	unlink(path);
	close(fd);
}

static const char *const job_kinds[] = { [JOURNAL_SOURCE] = "source", [JOURNAL_DESTINATION] = "destination" };

int journal_lock(const char *job, enum journal_role role, int *fd)
{
	char path[JOURNAL_PATH_ROOM];
	int rc;

	lock_path(path, job, job_kinds[role]);
	rc = lock_file(path, fd);
	return rc == -EBUSY ? fail(EBUSY, "job %s is still at work here", job) : rc;
}

void journal_unlock(const char *job, enum journal_role role, int fd)
{
	char path[JOURNAL_PATH_ROOM];

	lock_path(path, job, job_kinds[role]);
	unlock_file(path, fd);
}

/* A name may be longer than a file's, and have any character in it. */
static void name_path(char path[JOURNAL_PATH_ROOM], const char *domain)
{
	XXH128_hash_t hash = XXH3_128bits(domain, strlen(domain));
	char text[33];

	snprintf(text, sizeof(text), "%016lx%016lx", hash.high64, hash.low64);
	lock_path(path, text, "name");
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

int journal_lock_uuid(const char *uuid, int *fd)
{
	char path[JOURNAL_PATH_ROOM];
	int rc;

	lock_path(path, uuid, "uuid");
	rc = lock_file(path, fd);
	return rc == -EBUSY ? fail(EBUSY, "another job makes a domain of UUID %s here", uuid) : rc;
}

void journal_unlock_uuid(const char *uuid, int fd)
{
	char path[JOURNAL_PATH_ROOM];

	lock_path(path, uuid, "uuid");
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

/* A lock that is free has no file, but for one that a process left when it was killed: that one is shared for a moment. */
static bool is_held(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return held;
}

bool journal_is_domain_held(uint32_t id)
{
	char path[JOURNAL_PATH_ROOM], text[16];

	snprintf(text, sizeof(text), "%u", id);
	name_path(path, text);
	return is_held(path);
}

/* It is held for days, and says nothing of a domain: so it is not among the others, which say that one is worked on. */
static void checkpointer_path(char path[JOURNAL_PATH_ROOM], const char *name)
{
	snprintf(path, JOURNAL_PATH_ROOM, "%s/checkpoints/%s.lock", run_folder(), name);
}

int journal_lock_checkpointer(const char *name, int *fd)
{
	char path[JOURNAL_PATH_ROOM];
	int rc;

	checkpointer_path(path, name);
	rc = lock_file(path, fd);
	return rc == -EBUSY ? fail(EBUSY, "another process holds %s", path) : rc;
}

void journal_unlock_checkpointer(const char *name, int fd)
{
	char path[JOURNAL_PATH_ROOM];

	checkpointer_path(path, name);
	unlock_file(path, fd);
}

bool journal_is_checkpointer(const char *name)
{
	char path[JOURNAL_PATH_ROOM];

	checkpointer_path(path, name);
	return is_held(path);
}

/* Nor does this one say anything of a domain: what is locked is domain 0's size. */
static void memory_path(char path[JOURNAL_PATH_ROOM])
{
	snprintf(path, JOURNAL_PATH_ROOM, "%s/memory.lock", run_folder());
}

int journal_lock_memory(int *fd)
{
	char path[JOURNAL_PATH_ROOM];
	int rc;

	memory_path(path);
	rc = lock_file(path, fd);
	return rc == -EBUSY ? fail(EBUSY, "domain 0 gets smaller for another domain") : rc;
}

void journal_unlock_memory(int fd)
{
	char path[JOURNAL_PATH_ROOM];

	memory_path(path);
	unlock_file(path, fd);
}

/* A save holds only its domain. */
bool journal_is_at_work(const struct journal *journal)
{
	char path[JOURNAL_PATH_ROOM];

	if (journal_is_of_save(journal))
		return journal_is_domain_held(journal->domid);
	lock_path(path, journal->job, job_kinds[journal->role]);
	return is_held(path);
}

static void sweep_one(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (lock_is_taken(fd))
		unlink(path);
	close(fd);
}

static void sweep_folder(const char *name)
{
	char folder[JOURNAL_PATH_ROOM];
	struct dirent *entry;
	DIR *directory;

	snprintf(folder, sizeof(folder), "%s/%s", run_folder(), name);
	directory = opendir(folder);
	while (directory && (entry = readdir(directory))) {
		size_t length = strlen(entry->d_name);
		char path[JOURNAL_PATH_ROOM + 300];

		if (length < 5 || strcmp(entry->d_name + length - 5, ".lock"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		sweep_one(path);
	}
	if (directory)
		closedir(directory);
}

void journal_sweep(void)
{
	sweep_folder("locks");
	sweep_folder("checkpoints");
}
