/*
 * libxl's entry of a machine, /vm/UUID, which two domains share while a guest moves from a host to the same host. libxl
 * makes it anew for the second domain and removes it with either of them, so what stands there is kept and put back.
 */
#ifndef MACHINE_SHARED_ENTRY_H
#define MACHINE_SHARED_ENTRY_H

#include "xen/domain.h"

struct shared_entry;

/* vm: "/vm/UUID". NULL: no domain but this one has it. */
struct shared_entry *shared_entry_take(struct host *host, const char *vm, uint32_t but);
/* Enters it again, if the domain that it was taken for is still there. Frees it; NULL is fine. */
void shared_entry_put(struct host *host, struct shared_entry *entry);
void shared_entry_free(struct shared_entry *entry);

#endif
