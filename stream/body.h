/*
 * Bodies of messages that are JSON: one object, in UTF-8, its depth bounded.
 * What a peer has written is not to be believed, so that each field is asked
 * for with its type and its bound.
 */
#ifndef STREAM_BODY_H
#define STREAM_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

enum { BODY_DEPTH = 8, BODY_MAX_BYTES = 64 << 10 };

/* NULL, with a reason, if it is anything but one object. */
struct json_object *body_parse(const void *at, size_t bytes);

/* Lent by the object; NULL if there is no such string. */
const char *body_text(const struct json_object *body, const char *key);
/* As text_visible() shows it, cut to the room there is; "" if there is no such string. */
void body_copy(const struct json_object *body, const char *key, char *to, size_t room);
int64_t body_number(const struct json_object *body, const char *key, int64_t otherwise);
bool body_flag(const struct json_object *body, const char *key);

void body_put_text(struct json_object *body, const char *key, const char *value);
void body_put_number(struct json_object *body, const char *key, int64_t value);
void body_put_flag(struct json_object *body, const char *key, bool value);

#endif
