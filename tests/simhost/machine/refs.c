/*
 * References of processes, alive and dead.  A live process holds a POSIX lock on
 * its file; a file without one is a dead process's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frames.h"
#include "refs.h"
#include "tables.h"

struct count {
	uint16_t read_only, writable;
};

struct refs {
	int fd;
	char path[PATH_MAX + 32];
	struct count *counts;
	uint64_t first, end; /* no counts outside */
};

static size_t counts_bytes(const struct host *host)
{
	return host->machine->nr_frames * sizeof(struct count);
}

static int lock_file(int fd, int how, short *type)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	if (fcntl(fd, how, &lock))
		return -errno;
	if (type)
		*type = lock.l_type;
	return 0;
}

static struct count *map_counts(const struct host *host, int fd)
{
	void *at = mmap(NULL, counts_bytes(host), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

int refs_open(struct host *host)
{
	struct refs *refs = calloc(1, sizeof(*refs));

	if (!refs)
		return -ENOMEM;
	refs->first = host->machine->nr_frames;
	host_lock(host); /* a file without its lock is taken for a dead process's */
	snprintf(refs->path, sizeof(refs->path), "%s/refs.%d", host->path, getpid());
	refs->fd = open(refs->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (refs->fd < 0 || lock_file(refs->fd, F_SETLK, NULL) || ftruncate(refs->fd, counts_bytes(host)))
		goto failed;
	refs->counts = map_counts(host, refs->fd);
	if (!refs->counts)
		goto failed;
	host->refs = refs;
	host_unlock(host);
	return 0;
failed:
	host_unlock(host);
	free(refs);
	return -EIO;
}

static void give_back_all(struct host *host, struct count *counts, uint64_t first, uint64_t end)
{
	for (uint64_t mfn = first; mfn < end; mfn++) {
		for (; counts[mfn].writable; counts[mfn].writable--)
			mapping_put(host, mfn, true);
		for (; counts[mfn].read_only; counts[mfn].read_only--)
			mapping_put(host, mfn, false);
	}
}

void refs_close(struct host *host)
{
	if (!host->refs)
		return;
	host_lock(host);
	give_back_all(host, host->refs->counts, host->refs->first, host->refs->end);
	unlink(host->refs->path);
	host_unlock(host);
	munmap(host->refs->counts, counts_bytes(host));
	close(host->refs->fd);
	refs_forget(host);
}

void refs_forget(struct host *host)
{
	free(host->refs);
	host->refs = NULL;
}

int refs_take(struct host *host, uint64_t mfn, bool writable, const struct domain *owner)
{
	int err = mapping_get(host, mfn, writable, owner);

	if (err == -EBUSY && refs_reap(host))
		err = mapping_get(host, mfn, writable, owner);
	if (err)
		return err;
	if (mfn < host->refs->first)
		host->refs->first = mfn;
	if (mfn >= host->refs->end)
		host->refs->end = mfn + 1;
	if (writable)
		host->refs->counts[mfn].writable++;
	else
		host->refs->counts[mfn].read_only++;
	return 0;
}

void refs_drop(struct host *host, uint64_t mfn, bool writable)
{
	struct count *count = &host->refs->counts[mfn];
	uint16_t *held = writable ? &count->writable : &count->read_only;

	if (!*held)
		return;
	--*held;
	mapping_put(host, mfn, writable);
}

static bool reap_file(struct host *host, const char *name)
{
	char path[PATH_MAX + NAME_MAX + 2];
	struct count *counts;
	short type = F_WRLCK;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", host->path, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (lock_file(fd, F_GETLK, &type) || type != F_UNLCK) {
		close(fd);
		return false;
	}
	counts = map_counts(host, fd);
	if (counts) {
		give_back_all(host, counts, 0, host->machine->nr_frames);
		munmap(counts, counts_bytes(host));
		unlink(path);
	}
	close(fd);
	return counts;
}

bool refs_reap(struct host *host)
{
	DIR *dir = opendir(host->path);
	struct dirent *entry;
	bool any = false;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "refs.", 5) && atoi(entry->d_name + 5) != getpid())
			any |= reap_file(host, entry->d_name);
	closedir(dir);
	return any;
}

static void add_file(struct host *host, const char *name, uint32_t *totals)
{
	char path[PATH_MAX + NAME_MAX + 2];
	struct count *counts;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", host->path, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	counts = map_counts(host, fd);
	for (uint64_t mfn = 0; counts && mfn < host->machine->nr_frames; mfn++)
		totals[mfn] += counts[mfn].read_only + counts[mfn].writable;
	if (counts)
		munmap(counts, counts_bytes(host));
	close(fd);
}

uint32_t *refs_count(struct host *host)
{
	uint32_t *totals = calloc(host->machine->nr_frames, sizeof(*totals));
	DIR *dir = opendir(host->path);
	struct dirent *entry;

	while (dir && totals && (entry = readdir(dir)))
		/* A file of this process is not opened: to close it would drop the lock on it. */
		if (!strncmp(entry->d_name, "refs.", 5) && atoi(entry->d_name + 5) != getpid())
			add_file(host, entry->d_name, totals);
	for (uint64_t mfn = 0; totals && host->refs && mfn < host->machine->nr_frames; mfn++)
		totals[mfn] += host->refs->counts[mfn].read_only + host->refs->counts[mfn].writable;
	if (dir)
		closedir(dir);
	return totals;
}
