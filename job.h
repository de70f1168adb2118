/*
 * Work that a child process does. Whatever it maps it drops at once by ending,
 * and should it die, of what it reads or of a signal, its parent is still
 * there to put things right. If the parent dies the child is told to stop, and
 * puts things right itself.
 */
#ifndef JOB_H
#define JOB_H

#include <stddef.h>

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

#endif
