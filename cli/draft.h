/* The index of an image that a command is about to write: --index, --parent. */
#ifndef CLI_DRAFT_H
#define CLI_DRAFT_H

#include "migrate/migrate.h"
#include "stream/index-draft.h"

struct json_object;

struct draft {
	struct index_draft index;
	/* Shared with the processes that read a parent, or write the image. */
	struct kept_memory {
		void *shared; /* NULL: none */
		size_t bytes;
		struct memory_state state;
	} parent, next;
	struct index_head parent_head; /* what the parent's memory is that of */
};

/*
 * Of the image that these options are for, which get it. parent: the image it is to go on from, whose own
 * parents are looked for around it; NULL: none. Zero the draft before.
 */
int draft_open(struct draft *draft, struct migrate_options *options, const char *parent);
/* One that was never opened is fine. */
void draft_close(struct draft *draft);

/*
 * For images that follow one another, of which each is the parent of the next: what is in the memory is kept, and no
 * index has to be read again. draft_keep(): after draft_open() or draft_open_next(); a guest that has more pfns than
 * that by the time it is saved is not kept. draft_step(): the image is written, with that index; false if what it
 * holds was not kept. draft_open_next(): of the image that goes on from the one before, which was kept.
 */
int draft_keep(struct draft *draft, uint64_t pfns);
bool draft_step(struct draft *draft, const struct index_head *written);
int draft_open_next(struct draft *draft, struct migrate_options *options);

/* "state", and "parent" if it has one. */
void draft_print(const struct index_draft *draft, struct json_object *json);

#endif
