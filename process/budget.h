/*
 * How much memory of its own a process may have that reads an image or builds a guest from one: what it
 * has at the beginning, 192 MiB, 8 MiB and a stack for each thread, and 32 bytes for each pfn of the guest.
 * The kernel gives it no more (RLIMIT_DATA), so the work fails, and the host's other processes do not
 * suffer. What processes share, and the memory of guests, does not count. No limit with a sanitizer.
 */
#ifndef PROCESS_BUDGET_H
#define PROCESS_BUDGET_H

#include <stdint.h>

/* Before the work begins, and before a sandbox. */
int budget_begin(unsigned int threads);
/* As soon as it is known how many pfns there are. Does nothing in a process without a budget. */
int budget_allow_pfns(uint64_t count);
/* So many bytes more, which depend on something else. The same. */
int budget_allow_bytes(uint64_t bytes);

#endif
