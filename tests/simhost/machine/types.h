/*
 * What a frame may be used as.  While anything uses it as a page table nothing
 * may write to it, and the other way round; a table is checked with all that
 * hangs from it before it counts as one.
 */
#ifndef SIMHOST_TYPES_H
#define SIMHOST_TYPES_H

#include "host.h"

/* One more use of the frame as that type; the caller holds a reference.
 * -EINVAL if it is in use as another, or the errno its entries deserve. */
int frame_get_type(struct host *host, uint64_t mfn, enum frame_type type);
void frame_put_type(struct host *host, uint64_t mfn);

/* Reference and type together. */
int frame_get_as(struct host *host, uint64_t mfn, enum frame_type type, const struct domain *domain);
void frame_put_as(struct host *host, uint64_t mfn);

/* -EINVAL: not the domain's, not such a table, already (not) pinned. */
int frame_pin(struct host *host, struct domain *domain, uint64_t mfn, enum frame_type type);
int frame_unpin(struct host *host, struct domain *domain, uint64_t mfn);

/* Level 1..4 of a table type, else 0. */
unsigned frame_level(enum frame_type type);

#endif
