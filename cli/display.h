/* What a person sees of a migration: made of its events alone, wherever they come from. */
#ifndef CLI_DISPLAY_H
#define CLI_DISPLAY_H

struct json_object;

/* The line that lives, and at the end a summary. */
void display_event(const struct json_object *event);

#endif
