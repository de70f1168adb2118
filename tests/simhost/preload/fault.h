/*
 * Things that go wrong on demand, in this process.  SIMHOST_FAULT holds a list of
 *	KIND:N:WHAT[,...]
 * KIND: any, a call's name (domctl.getpageframeinfo3) or group (domctl), map,
 * mapframe; N: which of them, counted from 1, with a + that and all later, or *;
 * WHAT: an errno by name or number; kill: SIGKILL to the process; oom: the host has no
 * frame left from then on; exec=COMMAND; step=DOMxK: the guest makes K steps; and
 * after the last three the call itself goes on.  SIMHOST_FAULT_IN: only in the programs
 * of these names, with commas between them.  SIMHOST_TRACE: a file that gets the name of each call;
 * SIMHOST_COUNT: one that gets their number at the end.
 * A program may also define and export simhost_hook(const char *name, unsigned long
 * number), which is called before each.
 */
#ifndef SIMHOST_FAULT_H
#define SIMHOST_FAULT_H

/* Before the call of that name: 0, or the -errno it shall fail with. */
int fault_at(const char *name);

void fault_report(void);

/*
 * A hypercall, or what is done to mappings, is one step for whoever kills the
 * process: a fault that kills waits until no other thread is in between.
 */
void step_begin(void);
void step_end(void);

#endif
