/* See watch.h. The file: "5 boots" or "5 stays", padded, so that one write of the same length replaces it. */
#include "journal/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"

enum { RECORD_BYTES = 18, CONFIG_MOST = 4 << 20, UUID_LENGTH = 36, RESTART_SECONDS = 180 };

static void folder_path(char path[JOURNAL_PATH_ROOM])
{
	snprintf(path, JOURNAL_PATH_ROOM, "%s/watch", run_folder());
}

static void file_path(char path[JOURNAL_PATH_ROOM], const char *uuid, const char *suffix)
{
	snprintf(path, JOURNAL_PATH_ROOM, "%s/watch/%.36s%s", run_folder(), uuid, suffix);
}

/* Between a look at what a name stands for, and its change, no other process changes it. */
static int lock_folder(int *fd)
{
	char path[JOURNAL_PATH_ROOM];
	int rc = journal_make_folder(run_folder());

	folder_path(path);
	if (!rc)
		rc = journal_make_folder(path);
	if (rc)
		return rc;
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return fail_errno("cannot open %s", path);
	while (flock(*fd, LOCK_EX))
		if (errno != EINTR) {
			close(*fd);
			return fail_errno("cannot lock %s", path);
		}
	return 0;
}

/* --- one file ---------------------------------------------------------------- */

/* Of a process, not of a descriptor: children do not have it, and whose it is can be asked. */
static struct flock whole_file(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

static int load(struct watch *watch, int fd)
{
	char text[RECORD_BYTES + 1] = "", word[8];

	if (pread(fd, text, RECORD_BYTES, 0) != RECORD_BYTES ||
	    sscanf(text, "%u %7s", &watch->domain, word) != 2)
		return fail(EBADMSG, "%s/watch/%s is damaged", run_folder(), watch->uuid);
	watch->boots = !strcmp(word, "boots");
	return 0;
}

int watch_update(const struct watch *watch, int fd)
{
	char text[RECORD_BYTES + 1];

	snprintf(text, sizeof(text), "%10u %s\n ", watch->domain, watch->boots ? "boots" : "stays");
	return pwrite(fd, text, RECORD_BYTES, 0) == RECORD_BYTES
		     ? 0
		     : fail_errno("cannot write %s/watch/%s", run_folder(), watch->uuid);
}

int watch_read(struct watch *watch)
{
	char path[JOURNAL_PATH_ROOM];
	struct flock lock = whole_file();
	int fd, rc;

	file_path(path, watch->uuid, "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : fail_errno("cannot open %s", path);
	rc = load(watch, fd);
	watch->watcher = !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK ? lock.l_pid : 0;
	close(fd);
	return rc;
}

/* Complete as soon as it has its name. */
static int write_file(const char *path, const struct watch *watch)
{
	char temporary[JOURNAL_PATH_ROOM + 8];
	int fd, rc;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno("cannot make %s", temporary);
	rc = watch_update(watch, fd);
	close(fd);
	if (!rc && rename(temporary, path))
		rc = fail_errno("cannot make %s", path);
	if (rc)
		unlink(temporary);
	return rc;
}

int watch_enter(const struct watch *watch)
{
	struct watch known = *watch;
	char path[JOURNAL_PATH_ROOM];
	int folder, rc = lock_folder(&folder);

	if (rc)
		return rc;
	file_path(path, watch->uuid, "");
	rc = watch_read(&known);
	if (!rc && known.domain == watch->domain) {
		rc = known.watcher ? -EEXIST : 0;
	} else {
		fail_forget(); /* a damaged one is replaced */
		watch_forget_restart(watch->uuid);
		rc = write_file(path, watch);
	}
	close(folder);
	return rc;
}

/* --- all of them --------------------------------------------------------------- */

static int list_folder(struct watch **list, size_t *count, DIR *folder)
{
	struct dirent *entry;

	while ((entry = readdir(folder))) {
		struct watch *more;

		if (strlen(entry->d_name) != UUID_LENGTH)
			continue;
		more = realloc(*list, (*count + 1) * sizeof(**list));
		if (!more)
			return fail(ENOMEM, "out of memory");
		*list = more;
		more[*count] = (struct watch){ 0 };
		memcpy(more[*count].uuid, entry->d_name, UUID_LENGTH);
		if (!watch_read(&more[*count]))
			(*count)++;
		else
			fail_forget(); /* gone meanwhile, or no file of ours */
	}
	return 0;
}

int watch_list(struct watch **list, size_t *count)
{
	char path[JOURNAL_PATH_ROOM];
	DIR *folder;
	int rc;

	*list = NULL;
	*count = 0;
	folder_path(path);
	folder = opendir(path);
	if (!folder)
		return errno == ENOENT ? 0 : fail_errno("cannot open %s", path);
	rc = list_folder(list, count, folder);
	closedir(folder);
	if (rc)
		free(*list);
	return rc;
}

/* --- the watcher's ------------------------------------------------------------- */

int watch_lock(struct watch *watch, int *fd)
{
	char path[JOURNAL_PATH_ROOM];
	struct flock lock = whole_file();
	int folder, rc = lock_folder(&folder);

	if (rc)
		return rc;
	file_path(path, watch->uuid, "");
	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		rc = errno == ENOENT ? -ENOENT : fail_errno("cannot open %s", path);
	else if (fcntl(*fd, F_SETLK, &lock))
		rc = errno == EACCES || errno == EAGAIN ? -EBUSY : fail_errno("cannot lock %s", path);
	else
		rc = load(watch, *fd);
	close(folder);
	if (rc && *fd >= 0)
		close(*fd);
	return rc;
}

/* Another domain of this UUID may have a new file under the name. */
void watch_unlock(const struct watch *watch, int fd)
{
	char path[JOURNAL_PATH_ROOM];
	struct stat ours, named;
	int folder;

	if (lock_folder(&folder)) {
		fail_forget();
		close(fd);
		return;
	}
	file_path(path, watch->uuid, "");
	if (!fstat(fd, &ours) && !stat(path, &named) && ours.st_ino == named.st_ino) {
		watch_forget_restart(watch->uuid);
		unlink(path);
	}
	close(fd);
	close(folder);
}

/* --- a restart ------------------------------------------------------------------- */

int watch_put_restart(const char *uuid, const char *config)
{
	char path[JOURNAL_PATH_ROOM], temporary[JOURNAL_PATH_ROOM];
	size_t length = strlen(config);
	FILE *file;
	bool is_written;

	file_path(path, uuid, ".restart");
	file_path(temporary, uuid, ".restart.new");
	file = fopen(temporary, "we");
	if (!file)
		return fail_errno("cannot make %s", temporary);
	is_written = fwrite(config, 1, length, file) == length;
	if ((fclose(file) || !is_written || rename(temporary, path)) && (unlink(temporary), true))
		return fail_errno("cannot write %s", path);
	return 0;
}

/*
 * A person who saw no guest may have started it on another host since, which is not known here: so the time is short. One from the
 * future, of a clock that was set back, has no age.
 */
static bool is_outdated(FILE *file)
{
	struct stat facts;
	time_t age = fstat(fileno(file), &facts) ? 0 : time(NULL) - facts.st_mtime;

	return age < 0 || age > RESTART_SECONDS;
}

int watch_get_restart(const char *uuid, char **config)
{
	char path[JOURNAL_PATH_ROOM];
	size_t length;
	FILE *file;

	file_path(path, uuid, ".restart");
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? -ENOENT : fail_errno("cannot open %s", path);
	if (is_outdated(file)) {
		fclose(file);
		unlink(path);
		return -ENOENT;
	}
	*config = malloc(CONFIG_MOST + 1);
	length = *config ? fread(*config, 1, CONFIG_MOST, file) : 0;
	fclose(file);
	if (!*config)
		return fail(ENOMEM, "out of memory");
	(*config)[length] = '\0';
	return 0;
}

void watch_forget_restart(const char *uuid)
{
	char path[JOURNAL_PATH_ROOM];

	file_path(path, uuid, ".restart");
	unlink(path);
}
