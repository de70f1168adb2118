/*
 * Orders to pvferry-toolstack, and its answers: lines of JSON, one object each. Internal to machine/toolstack.c and -ask.c.
 *
 * Functions return 0 or -errno with a reason.
 */
#ifndef MACHINE_TOOLSTACK_LINES_H
#define MACHINE_TOOLSTACK_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/new-domain.h"
#include "stream/bytes.h"

struct json_object;

/* {"order": NAME}, the caller's. */
struct json_object *toolstack_order(const char *name);
/* Puts the order. with: whose locks go along; NULL: none do. */
int toolstack_give_with(int fd, struct json_object *order, const struct new_domain *with);
int toolstack_give(int fd, struct json_object *order);

/* One line and no byte more. Where a stop is heard it ends the waiting. */
int toolstack_read(int fd, struct bytes *line, bool hears_stop);
/* The next answer, the caller's; one that tells of a failure is one. */
int toolstack_hear(int fd, struct json_object **answer, bool hears_stop);
/* Where the answer holds nothing but that it is done. */
int toolstack_obeyed(int fd, bool hears_stop);

/* Members of an answer; NULL and 0 for what is missing. */
const char *toolstack_text(struct json_object *answer, const char *key);
int64_t toolstack_number(struct json_object *answer, const char *key);

/* After the last order: closes, and waits for the end of a child. Fine if it was not started. machine/toolstack.c */
struct toolstack;
void toolstack_reap(struct toolstack *toolstack, bool kills);

#endif
