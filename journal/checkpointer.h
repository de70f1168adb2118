/*
 * Which processes make checkpoints again and again, and what they have made last: for `pvferry jobs` and `pvferry metrics`.
 * Each has a lock, which says that it lives, and beside it a file of JSON, which is replaced as a whole. Both end with the
 * host's life. Nothing depends on them: a failure to write is a warning's worth.
 */
#ifndef JOURNAL_CHECKPOINTER_H
#define JOURNAL_CHECKPOINTER_H

#include <stdint.h>
#include <time.h>

struct json_object;

struct checkpointer {
	char name[32]; /* of its files; "": it has none */
	int lock;
	char directory[4096];
	/* What is told: */
	char domain[256];
	uint64_t number;       /* of the newest; 0: it has made none yet */
	char file[256];	       /* and its name in the directory */
	time_t time, due;      /* when it was begun; when the next is */
	double stopped_ms;     /* for how long the domain stood still for it */
	unsigned int failures; /* since then */
};

/* Fine to end after a failure. directory: as it was given. */
int checkpointer_begin(struct checkpointer *c, const char *directory);
int checkpointer_put(const struct checkpointer *c);
void checkpointer_end(struct checkpointer *c);

/* Adds an object for each that lives to the array, as pvferry-json(7) has them. */
int checkpointers_list(struct json_object *all);

#endif
