/* The end of a move as a person sees it: its rounds, and the downtime by its parts. Made of the event "end" alone. */
#ifndef CLI_MOVE_TABLE_H
#define CLI_MOVE_TABLE_H

#include <stdbool.h>
#include <stdio.h>

struct json_object;

/* At most 80 columns, no colour. is_utf8: the sparkline may be made of block characters. */
void move_table_print(FILE *to, const struct json_object *end, bool is_utf8);

/* What a part of the downtime is called: "last" is "last pages". One that is not known is its own name. */
const char *phase_name(const char *key);

#endif
