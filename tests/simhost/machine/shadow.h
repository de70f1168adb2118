/*
 * Shadow page tables: what the simulated processor really walks.  They are made from
 * the guest's, an entry at a time, when an access finds none; an entry allows stores
 * only after the first store, which is when the guest's dirty bit is set and the page
 * logged as dirty.  Some roots are kept, each with its tree, and the one unused for
 * longest makes room.
 */
#ifndef SIMHOST_SHADOW_H
#define SIMHOST_SHADOW_H

#include "host.h"

/* The frame behind the address below that guest root, or NO_FRAME for a fault. */
uint64_t shadow_access(struct host *host, struct domain *domain, uint64_t root, uint64_t va, bool write,
		       bool user);

/* A table of the guest's is about to be none, or has changed: what was made from it
 * goes.  User addresses only, if it never served others; else everything. */
void shadow_table_changes(struct host *host, uint64_t mfn);

void shadow_flush_user(struct host *host, struct domain *domain);
void shadow_flush_all(struct host *host, struct domain *domain);

/* From now on the address is there, for stores, in each kernel root that is used, as
 * often as it is flushed.  -ENOSPC: so are too many. */
int shadow_pin(struct host *host, struct domain *domain, uint64_t va);

/* Is there memory for as many shadows as a domain of its size should have? */
bool shadow_has_room(struct host *host, struct domain *domain);

#endif
