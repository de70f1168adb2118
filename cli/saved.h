/* What a save tells at its end, in words or as JSON. */
#ifndef CLI_SAVED_H
#define CLI_SAVED_H

#include "cli/publish.h"
#include "migrate/sender.h"
#include "stream/index-draft.h"

/* The save began then, by CLOCK_MONOTONIC, and is over now. index: of the image; NULL: it has none. */
void say_saved(const struct sent *sent, const struct publication *file, const struct index_draft *index,
	       uint64_t began_ns);

/* The parts of that: all of it as JSON, the caller's to put; and "stopped for 12 ms (...); written in 0.1 s". */
struct json_object;
struct json_object *saved_json(const struct sent *sent, const struct index_draft *index, uint64_t began_ns);
enum { STOP_TEXT_BYTES = 128 };
double saved_stopped_ms(const struct sent *sent, uint64_t began_ns);
void saved_stop_text(char text[STOP_TEXT_BYTES], const struct sent *sent, uint64_t began_ns);

#endif
