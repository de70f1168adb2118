/*
 * The expander's part, see config-flat.h. In: the config's text, which may be hostile. Out: the flat list of its
 * values. Runs without privileges, as json-c reads the text here. The trap: json-c's memory is many times the text's,
 * so bounds are checked on the text, before it is parsed.
 */
#include "machine/config-flat.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "log.h"
#include "stream/format.h"
#include "text/json.h"

/*
 * Each value costs json-c some 60 bytes, however few it has in the text, so values
 * are counted before they are made: by what separates them, which strings may hold too.
 */
static bool has_too_many_values(const char *text)
{
	size_t count = 0;

	while (*(text += strcspn(text, ",:[{"))) {
		count += 1 + (*text == '[' ? CONFIG_LIST_VALUES : *text == '{' ? CONFIG_OBJECT_VALUES : 0);
		text++;
	}
	return count > CONFIG_MOST_VALUES;
}

/* json-c reads 1e999, Infinity and NaN, and would write what no reader of JSON takes, libxl's among them. */
static bool has_finite_numbers(struct json_object *value)
{
	bool fine = !json_object_is_type(value, json_type_double) || isfinite(json_object_get_double(value));

	if (json_object_is_type(value, json_type_array))
		for (size_t i = 0; fine && i < json_object_array_length(value); i++)
			fine = has_finite_numbers(json_object_array_get_idx(value, i));
	if (!json_object_is_type(value, json_type_object))
		return fine;
	json_object_object_foreach (value, name, member) {
		(void)name;
		fine = fine && has_finite_numbers(member);
	}
	return fine;
}

int config_tokenise(struct json_object **root, const char *text)
{
	struct json_tokener *tokener;
	enum json_tokener_error error;
	bool ends_early;
	size_t bytes = strlen(text) + 1;
	int rc = 0;

	*root = NULL;
	if (bytes > CONFIG_MAX_BYTES || has_too_many_values(text))
		return fail(EBADMSG, "the config is too large: more than %u bytes or %u values",
			    CONFIG_MAX_BYTES, CONFIG_MOST_VALUES);
	tokener = json_tokener_new_ex(CONFIG_DEPTH);
	if (!tokener)
		return fail(ENOMEM, "out of memory for the config");
	/*
	 * The zero byte at the end is read, too: it ends a number that stands alone, and shows what follows the value.
	 */
	json_tokener_set_flags(tokener, json_strictness(text, bytes));
	*root = json_tokener_parse_ex(tokener, text, bytes);
	error = json_tokener_get_error(tokener);
	ends_early = json_tokener_get_parse_end(tokener) < bytes - 1;
	json_tokener_free(tokener);
	if (error != json_tokener_success || !*root)
		rc = fail(EBADMSG, "the config is not JSON: %s",
			  error == json_tokener_success ? "null" : json_tokener_error_desc(error));
	else if (ends_early)
		rc = fail(EBADMSG, "the config is not JSON: something follows it");
	else if (!has_finite_numbers(*root))
		rc = fail(EBADMSG, "the config has a number that is too large, or not a number");
	if (!rc)
		return 0;
	json_object_put(*root);
	*root = NULL;
	return rc;
}

static enum flat_kind kind_of(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_boolean: return FLAT_BOOLEAN;
	case json_type_int: return FLAT_NUMBER;
	case json_type_double: return FLAT_FRACTION;
	case json_type_string: return FLAT_TEXT;
	case json_type_array: return FLAT_LIST;
	case json_type_object: return FLAT_OBJECT;
	default: return FLAT_NULL;
	}
}

static uint32_t count_of(enum flat_kind kind, struct json_object *value)
{
	switch (kind) {
	case FLAT_TEXT: return json_object_get_string_len(value);
	case FLAT_LIST: return json_object_array_length(value);
	case FLAT_OBJECT: return json_object_object_length(value);
	default: return 0;
	}
}

/* Without what is in it, unless it is a text. */
static void put_value(struct bytes *out, const char *key, struct json_object *value)
{
	struct flat_value flat = { .kind = kind_of(value), .key_bytes = key ? strlen(key) + 1 : 0 };

	flat.count = count_of(flat.kind, value);
	/* As a union has one member at a time, the others stay zero: nothing of this process's memory goes along. */
	if (flat.kind == FLAT_BOOLEAN)
		flat.number = json_object_get_boolean(value);
	if (flat.kind == FLAT_NUMBER)
		flat.number = json_object_get_int64(value);
	if (flat.kind == FLAT_FRACTION)
		flat.fraction = json_object_get_double(value);
	bytes_put(out, &flat, sizeof(flat));
	if (key)
		bytes_put(out, key, flat.key_bytes);
	if (flat.kind == FLAT_TEXT)
		bytes_put(out, json_object_get_string(value), flat.count);
}

/* No deeper than the parser lets it be. */
static void put_tree(struct bytes *out, const char *key, struct json_object *value)
{
	put_value(out, key, value);
	if (json_object_is_type(value, json_type_array))
		for (size_t i = 0; i < json_object_array_length(value); i++)
			put_tree(out, NULL, json_object_array_get_idx(value, i));
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach (value, name, member) {
		put_tree(out, name, member);
	}
}

int config_flatten(const char *text, struct bytes *out)
{
	struct json_object *root;
	int rc = config_tokenise(&root, text);

	if (rc)
		return rc;
	put_tree(out, NULL, root);
	json_object_put(root);
	return bytes_check(out) ? fail(ENOMEM, "out of memory for the config") : 0;
}
