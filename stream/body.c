/* See body.h. */
#include "stream/body.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "text/json.h"
#include "text/text.h"

struct json_object *body_parse(const void *at, size_t bytes)
{
	struct json_tokener *tokener = json_tokener_new_ex(BODY_DEPTH);
	struct json_object *body = NULL;
	enum json_tokener_error error;

	if (!tokener || bytes > BODY_MAX_BYTES) {
		fail(EBADMSG, "a message of %zu bytes of JSON", bytes);
		json_tokener_free(tokener);
		return NULL;
	}
	json_tokener_set_flags(tokener, json_strictness(at, bytes) | JSON_TOKENER_VALIDATE_UTF8);
	body = json_tokener_parse_ex(tokener, at, bytes);
	error = json_tokener_get_error(tokener);
	if (error != json_tokener_success || !json_object_is_type(body, json_type_object) ||
	    json_tokener_get_parse_end(tokener) != bytes) {
		fail(EBADMSG, "a message is not a JSON object: %s",
		     error == json_tokener_success ? "it is another value, or something follows it"
						   : json_tokener_error_desc(error));
		json_object_put(body);
		body = NULL;
	}
	json_tokener_free(tokener);
	return body;
}

static struct json_object *value_of(const struct json_object *body, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(body, key, &value);
	return json_object_is_type(value, type) ? value : NULL;
}

const char *body_text(const struct json_object *body, const char *key)
{
	struct json_object *value = value_of(body, key, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

void body_copy(const struct json_object *body, const char *key, char *to, size_t room)
{
	const char *text = body_text(body, key);

	text_visible(to, room, text ? text : "");
}

int64_t body_number(const struct json_object *body, const char *key, int64_t otherwise)
{
	struct json_object *value = value_of(body, key, json_type_int);

	return value ? json_object_get_int64(value) : otherwise;
}

bool body_flag(const struct json_object *body, const char *key)
{
	struct json_object *value = value_of(body, key, json_type_boolean);

	return value && json_object_get_boolean(value);
}

void body_put_text(struct json_object *body, const char *key, const char *value)
{
	json_object_object_add(body, key, json_object_new_string(value));
}

void body_put_number(struct json_object *body, const char *key, int64_t value)
{
	json_object_object_add(body, key, json_object_new_int64(value));
}

void body_put_flag(struct json_object *body, const char *key, bool value)
{
	json_object_object_add(body, key, json_object_new_boolean(value));
}
