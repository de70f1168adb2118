/* The builder's part, see config-flat.h. */
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "log.h"
#include "machine/config-flat.h"

/* Both only shrink. */
struct flat_rest {
	const uint8_t *at;
	size_t bytes;
	/* Any text that the parser takes has enough: it counts what separates values, which are more. */
	uint32_t values;
};

static int rebuild(struct flat_rest *rest, unsigned int depth, const char **key, struct json_object **result);

/* Every one of these is a fault of the expander, which had the hostile text in its hands: the builder believes nothing that it sends. */
static int lies(const char *how)
{
	return fail(EPROTO, "the expander sent a config that %s", how);
}

/* The only place where the rest is read from, so that no length can lead beyond its end. */
static bool rest_take(struct flat_rest *rest, size_t count, const void **at)
{
	if (count > rest->bytes)
		return false;
	*at = rest->at;
	rest->at += count;
	rest->bytes -= count;
	return true;
}

/*
 * A count claims members before any of them was read. Each claim is taken off what is left of one budget, so a list of
 * lists of lists, each of which claims much, costs no more than a text of the most that is allowed.
 */
static bool reserve(struct flat_rest *rest, uint32_t values)
{
	if (values > rest->values)
		return false;
	rest->values -= values;
	return true;
}

/* json-c takes over the value where it succeeds, and only then. */
static int put_member(struct json_object *to, const char *key, struct json_object *value)
{
	bool is_list = json_object_is_type(to, json_type_array);
	int rc;

	if (!key != is_list)
		rc = lies(is_list ? "has a key in a list" : "has a member without a key");
	else if (is_list ? json_object_array_add(to, value) : json_object_object_add(to, key, value))
		rc = fail(ENOMEM, "out of memory for the config");
	else
		return 0;
	json_object_put(value);
	return rc;
}

/* Each of the members is reserved already, so that what a count may claim is bounded. */
static int rebuild_members(struct flat_rest *rest, unsigned int depth, uint32_t count, struct json_object *to)
{
	int rc = 0;

	while (!rc && count--) {
		struct json_object *value;
		const char *key;

		rc = rebuild(rest, depth + 1, &key, &value);
		if (!rc)
			rc = put_member(to, key, value);
	}
	return rc;
}

static int rebuild_tree(struct flat_rest *rest, unsigned int depth, const struct flat_value *flat,
			struct json_object **result)
{
	bool is_object = flat->kind == FLAT_OBJECT;
	int rc;

	if (depth == CONFIG_DEPTH)
		return lies("is too deep");
	if (!reserve(rest, flat->count) ||
	    !reserve(rest, is_object ? CONFIG_OBJECT_VALUES : CONFIG_LIST_VALUES))
		return lies("has too many values");
	*result = is_object ? json_object_new_object() : json_object_new_array();
	if (!*result)
		return fail(ENOMEM, "out of memory for the config");
	rc = rebuild_members(rest, depth, flat->count, *result);
	if (rc)
		json_object_put(*result);
	return rc;
}

static int rebuild_leaf(struct flat_rest *rest, const struct flat_value *flat, struct json_object **result)
{
	const void *text = NULL;

	switch (flat->kind) {
	case FLAT_NULL: *result = NULL; return 0;
	case FLAT_BOOLEAN: *result = json_object_new_boolean(flat->number != 0); break;
	case FLAT_NUMBER: *result = json_object_new_int64(flat->number); break;
	case FLAT_FRACTION:
		if (!isfinite(flat->fraction))
			return lies("has a number that is too large, or not a number");
		*result = json_object_new_double(flat->fraction);
		break;
	case FLAT_TEXT:
		if (flat->count > INT_MAX || !rest_take(rest, flat->count, &text))
			return lies("is cut short");
		*result = json_object_new_string_len(text, flat->count);
		break;
	default: return lies("has a value of no kind");
	}
	return *result ? 0 : fail(ENOMEM, "out of memory for the config");
}

static int rebuild(struct flat_rest *rest, unsigned int depth, const char **key, struct json_object **result)
{
	struct flat_value flat;
	const void *at;

	if (!rest_take(rest, sizeof(flat), &at))
		return lies("is cut short");
	memcpy(&flat, at, sizeof(flat));
	if (!rest_take(rest, flat.key_bytes, &at))
		return lies("is cut short");
	*key = flat.key_bytes ? at : NULL;
	if (*key && memchr(*key, '\0', flat.key_bytes) != *key + flat.key_bytes - 1)
		return lies("has a key that does not end");
	return flat.kind == FLAT_LIST || flat.kind == FLAT_OBJECT ? rebuild_tree(rest, depth, &flat, result)
								  : rebuild_leaf(rest, &flat, result);
}

int config_rebuild(struct config *config, const uint8_t *at, size_t bytes)
{
	struct flat_rest rest = { at, bytes, CONFIG_MOST_VALUES };
	struct json_object *root = NULL;
	const char *key;
	int rc = rebuild(&rest, 0, &key, &root);

	config->root = NULL;
	if (rc)
		return rc;
	config->root = root;
	if (key || rest.bytes) {
		config_release(config);
		return lies("has more bytes behind its end");
	}
	return config_check(config);
}
