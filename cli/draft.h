/* The index of an image that a command is about to write: --index. */
#ifndef CLI_DRAFT_H
#define CLI_DRAFT_H

#include "stream/index-draft.h"

struct json_object;

/* Zero the draft before. level: of the image. */
int draft_open(struct index_draft *draft, int level);
/* One that was never opened is fine. */
void draft_close(struct index_draft *draft);

/* "state", and "parent" if it has one. */
void draft_print(const struct index_draft *draft, struct json_object *json);

#endif
