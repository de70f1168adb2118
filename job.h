/*
 * Work that a child process does. Whatever it maps it drops at once by ending,
 * and should it die, of what it reads or of a signal, its parent is still
 * there to put things right. If the parent dies the child is told to stop, and
 * puts things right itself. A job may start jobs of its own; who adopts is
 * the parent of all that are left behind.
 */
#ifndef JOB_H
#define JOB_H

#include <stddef.h>
#include <sys/types.h>

/* Zeroed memory that the child and we both see; NULL with a reason. */
void *job_share(size_t bytes);
void job_unshare(void *shared, size_t bytes);

/*
 * Runs work(context) in a child and returns what it returned; the reason it
 * gave to fail() is ours then. -ECHILD, and a reason, if it died instead. No
 * other threads may run, and no connection to Xen be open, since those cannot
 * be shared.
 */
int job_run(int (*work)(void *context), void *context);

/* The same in two steps; each job must be waited for. */
struct job;
int job_start(struct job **job, int (*work)(void *context), void *context);
int job_wait(struct job *job);
/* Readable as soon as it has ended. */
int job_watch(const struct job *job);
pid_t job_pid(const struct job *job);

/* A descriptor that jobs started from now on shall not have; -1 is fine. Again, to take that back, before it is closed. */
void job_private(int fd);
void job_unprivate(int fd);

/* From now on the children of a child that dies are ours. */
void job_adopt(void);
/* Waits until there is no child any more. */
void job_wait_strays(void);

#endif
