/* The index of an image that a command is about to write: --index, --parent. */
#ifndef CLI_DRAFT_H
#define CLI_DRAFT_H

#include "migrate/migrate.h"
#include "stream/index-draft.h"

struct json_object;

struct draft {
	struct index_draft index;
	void *shared; /* the parent's memory */
	size_t shared_bytes;
};

/*
 * Of the image that these options are for, which get it. parent: the image it is to go on from, whose own
 * parents are looked for around it; NULL: none. Zero the draft before.
 */
int draft_open(struct draft *draft, struct migrate_options *options, const char *parent);
/* One that was never opened is fine. */
void draft_close(struct draft *draft);

/* "state", and "parent" if it has one. */
void draft_print(const struct index_draft *draft, struct json_object *json);

#endif
