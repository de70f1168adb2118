/*
 * Work on foreign bytes in a child process in a sandbox, which can neither print nor open anything:
 * what it says, how far it is and its text come to us through a socket, and we print them.
 */
#ifndef PROCESS_CONFINED_H
#define PROCESS_CONFINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct confined {
	int (*work)(void *context);
	void *context;
	int fd;		     /* what it reads; its other descriptors are closed */
	const int *more_fds; /* others that it uses */
	size_t more_count;
	bool writes_file;     /* one of them is a file that it writes */
	const void *shared;   /* as struct sandbox */
	unsigned int threads; /* that it may start: its memory is limited, see budget.h */
	/* Called here with what the child gave to confined_progress(). May be NULL. */
	void (*progress)(uint64_t done, uint64_t total);
	char *text; /* out: what it gave to confined_print(); "" if nothing; free() it. Foreign, so see text/text.h */
};

/*
 * Runs the work, and returns what it returned; the reason it gave to fail() is ours then. -ECHILD if
 * it died instead: its filter kills it (SIGSYS) when it calls what it may not. When a stop is asked
 * for, the work has a second to end. As child_run(), and text is NULL if no memory was left for it.
 */
int confined_run(struct confined *confined);

/* In the work: any thread. */
void confined_progress(uint64_t done, uint64_t total);
void confined_print(const char *text);

#endif
