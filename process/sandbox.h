/*
 * A process that reads bytes from a file, a guest or a peer gives up all that such bytes could
 * misuse: its user, its capabilities, its other descriptors, the memory that it shares with other
 * processes, and nearly all system calls. The kernel kills it (SIGSYS) when it calls open(),
 * socket(), execve() or any other call that is not on the list in sandbox.c; its parent goes on.
 *
 * Seccomp is described in the kernel's Documentation/userspace-api/seccomp_filter.rst.
 */
#ifndef PROCESS_SANDBOX_H
#define PROCESS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct sandbox {
	/* Descriptors that stay open beside 0, 1 and 2, ascending; all others are closed. */
	const int *keep;
	size_t keep_count;
	/* Memory of child_share() that it keeps; NULL: none, but for what child_wait() reads. */
	const void *shared;
	/* It may map so many bytes more than it has mapped now (RLIMIT_AS). 0: no limit. */
	size_t memory_bytes;
	/* One of the descriptors is a file that it writes. */
	bool writes_file;
	/* It may also send and receive over the sockets it has, and ask what waits in them. */
	bool uses_sockets;
};

/*
 * Closes, unmaps, drops, limits, filters, in this order; for the calling thread, all others and those that
 * are started later. Whatever needs a file (a certificate, a user's name) is to be read before.
 * Without root's rights the user stays the same; all else is done. A failure leaves the process
 * partly confined: it must end.
 */
int sandbox_enter(const struct sandbox *sandbox);

#endif
