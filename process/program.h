/*
 * A child process that is a program of its own: it has nothing of our memory, and of our descriptors
 * only those it is given. pvferry's own programs lie beside the one that runs, as in the build
 * directory, or in ../lib/pvferry of it, as installed.
 */
#ifndef PROCESS_PROGRAM_H
#define PROCESS_PROGRAM_H

#include <limits.h>
#include <spawn.h>
#include <stddef.h>

#include "process/child.h"

/* The first of the descriptors that a program is given; the others follow. */
enum { PROGRAM_FDS = 3, PROGRAM_FDS_MOST = 16 };

/* Where the program of that name is. */
int program_find(const char *name, char path[PATH_MAX]);

/*
 * Starts it in a session of its own, with one descriptor more, PROGRAM_FDS; its standard input and output are
 * /dev/null. It outlives its parent. Other threads may run, and connections to Xen be open, which it does not get.
 */
int program_start_apart(pid_t *pid, const char *name, int fd);

/* It will block and ignore no signal; flag is POSIX_SPAWN_SETSID or POSIX_SPAWN_SETPGROUP. An errno, as posix_spawn() has it. */
int program_plan_signals(posix_spawnattr_t *attributes, short flag);

/*
 * Starts it, its standard input and output being /dev/null. child_wait() waits for it; that
 * it could not be started is known there. When its parent dies it gets the death signal,
 * which it does not find ignored.
 */
int program_start(struct child **child, const char *name, const int *fds, size_t count, int death_signal);
/* In the program, as soon as it knows what to do with signals: those that came before come now. */
void program_hear_signals(void);

#endif
