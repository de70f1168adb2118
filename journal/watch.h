/*
 * Who watches which domain: a file for each, named by its UUID, in the directory "watch" of run_folder(). The watcher
 * (toolstack/watch.c) holds a lock on it for as long as it lives, so there are never two, and a watcher that died is
 * found by its file.
 *
 * A domain of a UUID that was watched before gets a new file: the watcher of the domain of old holds the old one, which
 * has no name any more, and so is in the way of no other.
 *
 * Functions return 0 or -errno, with a reason unless the comment says otherwise.
 */
#ifndef JOURNAL_WATCH_H
#define JOURNAL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct watch {
	char uuid[37];
	uint32_t domain;
	/* At a restart the config's kernel, ramdisk or bootloader may run in domain 0. */
	bool boots;
	pid_t watcher; /* who holds it; 0: no process does. Only watch_read() and watch_list() set it */
};

/*
 * A file for a domain that is to be watched. What is known of the same domain stays, boots among it; -EEXIST
 * without a reason if a watcher holds that.
 */
int watch_enter(const struct watch *watch);
/* -ENOENT without a reason: there is no file. uuid is set before. */
int watch_read(struct watch *watch);
/* All of them; the caller frees the list. */
int watch_list(struct watch **list, size_t *count);

/*
 * For the watcher: takes the lock, which ends with the process, and reads. -EBUSY, -ENOENT without a reason. The lock
 * ends, too, when the process opens the file again and closes it: a watcher does not call the functions above.
 */
int watch_lock(struct watch *watch, int *fd);
/* The domain has another id since it was started again. */
int watch_update(const struct watch *watch, int fd);
/* Removes the file, if it is the one that is locked, and unlocks it. */
void watch_unlock(const struct watch *watch, int fd);

/*
 * The config of a domain that is being started again, from before the old one goes until the new one runs:
 * a watcher that takes over makes the domain. The caller frees the text. -ENOENT without a reason; one of three minutes
 * ago is forgotten: what was done about the domain since is not known.
 */
int watch_put_restart(const char *uuid, const char *config);
int watch_get_restart(const char *uuid, char **config);
void watch_forget_restart(const char *uuid);

#endif
