/*
 * This process as a program of domain 0 of the host that SIMHOST names: attached at
 * its first use, detached at its end, and never its parent's.
 */
#ifndef SIMHOST_PROCESS_H
#define SIMHOST_PROCESS_H

#include "../calls/call.h"

#define EXPORT __attribute__((visibility("default")))

/* NULL and errno if there is no such host. */
struct host *process_host(void);

/* A hypercall of domain 0: the result, or -1 and errno. */
long process_call(unsigned op, const uint64_t args[CALL_ARGS]);

/* -errno or err < 0 as the libraries return it: -1 and errno. */
int process_result(int err);

/* Puts frames in a row at the address, NO_FRAME leaving a hole; addr NULL: anywhere.
 * The references are taken already, and dropped by the munmap of each page. */
void *pages_map(struct host *host, void *addr, int prot, size_t nr, const uint64_t *mfns);
int pages_unmap(void *addr, size_t bytes);

/* Takes a reference to each frame for a mapping with that protection: err[i] is 0 or
 * -errno, and mfns[i] of a frame that is not to be had NO_FRAME. */
void pages_take(struct host *host, uint16_t domid, int prot, size_t nr, uint64_t *mfns, int *err);

#endif
