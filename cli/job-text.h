/* What a table says of a job, from its description: see pvferry-json(7). */
#ifndef CLI_JOB_TEXT_H
#define CLI_JOB_TEXT_H

#include <stddef.h>

struct json_object;

/* "active, 71 %, 112 MiB/s"; "completed, stopped for 212 ms"; "unresolved: ..."; what is not known yet is "-". */
void job_state_text(const struct json_object *job, char *text, size_t room);

#endif
