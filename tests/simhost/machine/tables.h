/*
 * Page tables, entry by entry.  An entry that is taken refers to the frame it
 * names, as the type its level asks for, until it is put.
 */
#ifndef SIMHOST_TABLES_H
#define SIMHOST_TABLES_H

#include "host.h"

/* All entries of a frame whose type has just been set; all or none are taken. */
int table_promote(struct host *host, uint64_t mfn);
void table_demote(struct host *host, uint64_t mfn);

/* Is the slot the guest's?  Others belong to Xen: neither read nor changed. */
bool table_slot_is_guests(const struct host *host, uint64_t mfn, unsigned slot);

/* Changes one entry of a table in use: old put, new checked and taken.  keep_ad:
 * accessed and dirty stay as they are.  owner: whose frames the entry may name.
 * -EPERM for Xen's slots, -EINVAL for bad bits or a bad table, -EBUSY for a frame
 * that is another's or cannot be written to. */
int table_update(struct host *host, uint64_t mfn, unsigned slot, uint64_t entry, bool keep_ad,
		 const struct domain *owner);

/* Is the frame good for a mapping with these bits?  As Xen's answer to any level 1
 * entry: takes what the mapping needs.  -EBUSY, -EPERM or -EINVAL. */
int mapping_get(struct host *host, uint64_t mfn, bool writable, const struct domain *owner);
void mapping_put(struct host *host, uint64_t mfn, bool writable);

#endif
