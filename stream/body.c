/* See body.h. */
#include "stream/body.h"

#include <json-c/json.h>

#include "text/text.h"

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
