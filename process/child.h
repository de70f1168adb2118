/*
 * Work that a child process does. Whatever it maps it drops at once by ending,
 * and should it die, of what it reads or of a signal, its parent is still
 * there to put things right. If the parent dies the child is told to stop, and
 * puts things right itself. A child may start children of its own; who adopts is
 * the parent of all that are left behind.
 */
#ifndef PROCESS_CHILD_H
#define PROCESS_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/* Zeroed memory that the child and we both see; NULL with a reason. */
void *child_share(size_t bytes);
/* The same of a file without a name, the caller's to close, which a program can be given: see program.h. */
void *child_share_file(size_t bytes, int *fd);
void child_unshare(void *shared, size_t bytes);
/* In a child: unmaps all that its parents have shared, but for kept (NULL is fine) and what child_wait() reads. */
void child_unshare_others(const void *kept);

/*
 * Runs work(context) in a child and returns what it returned; the reason it
 * gave to fail() is ours then. -ECHILD, and a reason, if it died instead. No
 * other threads may run, and no connection to Xen be open, since those cannot
 * be shared.
 */
int child_run(int (*work)(void *context), void *context);

/* The same in two steps; each child must be waited for. */
struct child;
int child_start(struct child **child, int (*work)(void *context), void *context);
int child_wait(struct child *child);
/* Waits, whatever became of it. */
void child_reap(struct child *child);
/* "the expander", for the reason of a child's death; "the process that did the work" unless set. */
void child_name(struct child *child, const char *name);
/* Readable as soon as it has ended. */
int child_watch(const struct child *child);
pid_t child_pid(const struct child *child);

/* A descriptor that children started from now on shall not have; -1 is fine. Again, to take that back, before it is closed. */
void child_private(int fd);
void child_unprivate(int fd);

/* From now on the children of a child that dies are ours. */
void child_reap_orphans(void);
/* Waits until there is no child any more, but for those in a session of their own, which outlive us: qemu, above all. */
void child_wait_strays(void);

#endif
