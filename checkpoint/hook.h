/*
 * A program of the user's that is told what becomes of a checkpoint: PROGRAM PHASE, with the rest in its environment. What
 * it prints goes to standard error. It is the way to have the disks as they are at the moment at which the guest is
 * stopped.
 */
#ifndef CHECKPOINT_HOOK_H
#define CHECKPOINT_HOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct hook {
	const char *program;					    /* NULL: there is no hook */
	uint64_t timeout_ms;					    /* while the guest is stopped */
	const char *domain, *uuid, *directory, *checkpoint, *state; /* for its environment */
	const char *disks; /* "xvda /dev/vg0/web1\n" for each that the domain may write to */
	uint32_t domid;
	pid_t pid; /* of the one that runs; 0: none does */
	uint64_t began_ms;
};

/* Starts it for a phase: "stopped". No other thread's descriptors go with it. */
int hook_begin(struct hook *hook, const char *phase);
/* Waits for its end: -ETIME if that is not within timeout_ms, and then kills it; -ECHILD if its status is not 0. */
int hook_await(struct hook *hook);
/* Ends what runs of it, with its children: SIGTERM, and after five seconds SIGKILL. */
void hook_cancel(struct hook *hook);
/* Both, for a phase at which no guest waits. A failure is said, and no more. */
void hook_tell(struct hook *hook, const char *phase);

#endif
