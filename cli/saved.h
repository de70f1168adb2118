/* What a save tells at its end, in words or as JSON. */
#ifndef CLI_SAVED_H
#define CLI_SAVED_H

#include "cli/publish.h"
#include "migrate/sender.h"
#include "stream/index-draft.h"

/* The save began then, by CLOCK_MONOTONIC, and is over now. index: of the image; NULL: it has none. */
void say_saved(const struct sent *sent, const struct publication *file, const struct index_draft *index,
	       uint64_t began_ns);

#endif
