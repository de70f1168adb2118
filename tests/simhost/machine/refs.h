/*
 * The references that a process of domain 0 holds by mapping frames.  They stand in
 * a file of their own (refs.PID), so that when the process dies, however it dies,
 * somebody can give them back, as a kernel would have.
 */
#ifndef SIMHOST_REFS_H
#define SIMHOST_REFS_H

#include "host.h"

/* This process may take references from now on. */
int refs_open(struct host *host);

/* Gives all of them back. */
void refs_close(struct host *host);

/* After fork: the child has none of its parent's mappings. */
void refs_forget(struct host *host);

/* One mapping of a frame; the lock is held.  As mapping_get. */
int refs_take(struct host *host, uint64_t mfn, bool writable, const struct domain *owner);

/* A frame of Xen's own, which is never given back: no reference is needed.  A
 * shared one of a domain's: read and write alike. */
void refs_drop(struct host *host, uint64_t mfn, bool writable);

/* Gives back what dead processes held; true if there was anything. */
bool refs_reap(struct host *host);
/* How often the processes that live have each frame mapped, by mfn, to be freed; NULL: no memory. */
uint32_t *refs_count(struct host *host);

#endif
