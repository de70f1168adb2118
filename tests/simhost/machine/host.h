/*
 * A host as one process sees it: the machine's file, mapped.  The directory
 * holds that file and whatever else a host needs beside it (event pipes, the
 * references of each process, the files of its xenstored).
 */
#ifndef SIMHOST_HOST_H
#define SIMHOST_HOST_H

#include <limits.h>

#include "machine.h"

struct refs;

struct host {
	struct machine *machine;
	struct frame *frames;
	uint8_t *memory;
	int fd;
	struct refs *refs; /* frames this process has mapped; see refs.h */
	char path[PATH_MAX];
};

struct host_options {
	uint64_t mem_mib, seed, domain_0_mib;
	bool has_shadow, has_pv32, poison, allocate;
	uint32_t scatter, flask;
	const char *command_line; /* of Xen */
	const char *xen;	  /* which release it says it is: "4.17.7" */
};

/* Makes the directory and the machine in it.  -EEXIST if there is one. */
int host_create(const char *path, const struct host_options *options);

/* Attaches this process; -ENOENT, -EINVAL (another version), -errno. */
int host_attach(struct host *host, const char *path);
void host_detach(struct host *host);

/* Survives a holder that died: what it left half done stays as it is. */
void host_lock(struct host *host);
void host_unlock(struct host *host);

/* One process at a time runs the guest in a slot of machine.domains: false if another
 * one does. */
bool host_try_stepping(struct host *host, unsigned slot);
void host_end_stepping(struct host *host, unsigned slot);

/* A number below bound, from the machine's own sequence; lock held. */
uint64_t host_random(struct host *host, uint64_t bound);

static inline void *host_page(struct host *host, uint64_t mfn)
{
	return host->memory + mfn * PAGE_BYTES;
}

static inline uint64_t *host_m2p(struct host *host)
{
	return host_page(host, host->machine->m2p);
}

#endif
