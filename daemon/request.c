/*
 * See request.h. In: a line of the control socket, from any process of root's. Out: struct request: a command and words
 * for the command line of the job. The trap: a value becomes a word of a command line, so each is "--name=value",
 * checked by the same table as what a person types (text/options.c).
 */
#include "daemon/request.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "text/json.h"
#include "text/options.h"

enum { TEXT_MOST = 4096 };

static const char *const names[] = { [REQUEST_MIGRATE] = "migrate",
				     [REQUEST_JOBS] = "jobs",
				     [REQUEST_FOLLOW] = "follow",
				     [REQUEST_CANCEL] = "cancel",
				     [REQUEST_SET] = "set" };

static const struct option_row *find_argument(enum request_kind kind, const char *name)
{
	const struct option_row *row = NULL;

	do
		row = option_of_request(row, names[kind]);
	while (row && strcmp(row->name, name));
	return row;
}

/* A text that can be a word of a command line; NULL with a reason. */
static const char *text_of(const char *name, struct json_object *value)
{
	const char *text = json_object_get_string(value);
	size_t length = text ? strlen(text) : 0;

	if (!json_object_is_type(value, json_type_string))
		fail(EINVAL, "\"%s\" is not a text", name);
	else if (length != (size_t)json_object_get_string_len(value) || length > TEXT_MOST)
		fail(EINVAL, "\"%s\" is too long, or has a zero in it", name);
	else
		return text;
	return NULL;
}

static enum json_type type_of(const struct option_row *row)
{
	return row->type == TAKES_NOTHING ? json_type_boolean
	     : row->type == TAKES_NUMBER  ? json_type_int
					  : json_type_string;
}

/* The same check as of a command line. */
static int check_value(const struct option_row *row, struct json_object *value)
{
	bool may_be_text = type_of(row) == json_type_string || row->words;
	struct option_value parsed;
	const char *text;
	char expected[300];

	if (may_be_text && json_object_is_type(value, json_type_string)) {
		text = text_of(row->name, value);
		if (!text)
			return -EINVAL;
		if (row->words && option_word(row->words, text) < 0)
			return fail(EINVAL, "\"%s\" is one of %s", row->name, row->words);
		return 0;
	}
	if (type_of(row) == json_type_string)
		return fail(EINVAL, "\"%s\" is not a text", row->name);
	if (!json_object_is_type(value, type_of(row)))
		return fail(EINVAL, "\"%s\" is not of type %s", row->name, json_type_to_name(type_of(row)));
	if (row->type == TAKES_NUMBER && !option_parse(row, json_object_get_string(value), &parsed))
		return fail(EINVAL, "\"%s\" is out of range: %s is wanted", row->name,
			    option_expects(row, expected, sizeof(expected)));
	return 0;
}

static int add_option(struct request *request, const struct option_row *row, struct json_object *value)
{
	char **word = &request->options[request->option_count];
	int n = 0;

	if (row->type == TAKES_NOTHING && !json_object_get_boolean(value))
		return 0;
	if (row->type == TAKES_NOTHING)
		n = asprintf(word, "--%s", row->name);
	else
		n = asprintf(word, "--%s=%s", row->name, json_object_get_string(value));
	if (n < 0) {
		*word = NULL;
		return fail(ENOMEM, "no memory");
	}
	request->option_count++;
	return 0;
}

static int take_text(const char **to, const struct option_row *row, struct json_object *value)
{
	*to = json_object_get_string(value);
	return **to ? 0 : fail(EINVAL, "\"%s\" is empty", row->name);
}

static int take_argument(struct request *request, const char *name, struct json_object *value)
{
	const struct option_row *row = find_argument(request->kind, name);
	int rc;

	if (!row)
		return fail(EINVAL, "unknown argument \"%.64s\"", name);
	rc = check_value(row, value);
	if (rc)
		return rc;
	switch (row->option) {
	case OPTION_DOMAIN: return take_text(&request->domain, row, value);
	case OPTION_HOST: return take_text(&request->host, row, value);
	case OPTION_JOB: return take_text(&request->job, row, value);
	case OPTION_FOLLOW: request->follow = json_object_get_boolean(value); return 0;
	default: break;
	}
	if (request->kind == REQUEST_MIGRATE)
		return add_option(request, row, value);
	json_object_object_add(request->set, row->name, json_object_get(value));
	return 0;
}

static int take_arguments(struct request *request, struct json_object *arguments)
{
	const struct option_row *row = NULL;
	int rc = 0;

	json_object_object_foreach (arguments, name, value)
		if (!rc)
			rc = take_argument(request, name, value);
	if (rc)
		return rc;
	while ((row = option_of_request(row, names[request->kind])))
		if (option_word(row->needed, names[request->kind]) >= 0 &&
		    !json_object_object_get_ex(arguments, row->name, NULL))
			return fail(EINVAL, "\"%s\" is missing", row->name);
	if (request->kind == REQUEST_SET && !json_object_object_length(request->set))
		return fail(EINVAL, "set needs \"max-downtime\" or \"bandwidth\"");
	return 0;
}

static int take_name(struct request *request, const char *name)
{
	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name)) {
			request->kind = i;
			return 0;
		}
	return fail(EINVAL, "unknown command \"%.64s\"", name);
}

static int take_root(struct request *request)
{
	struct json_object *name = NULL, *arguments = NULL;
	bool has_arguments = json_object_object_get_ex(request->root, "arguments", &arguments);

	if (!json_object_object_get_ex(request->root, "execute", &name) ||
	    !json_object_is_type(name, json_type_string))
		return fail(EINVAL, "\"execute\" is missing");
	if (json_object_object_length(request->root) != 1 + has_arguments)
		return fail(EINVAL, "there is more than \"execute\" and \"arguments\"");
	if (has_arguments && !json_object_is_type(arguments, json_type_object))
		return fail(EINVAL, "\"arguments\" is not an object");
	if (take_name(request, json_object_get_string(name)))
		return -EINVAL;
	return take_arguments(request, has_arguments ? arguments : request->set);
}

struct json_object *request_json(const char *line, size_t length)
{
	struct json_tokener *tokener = json_tokener_new_ex(REQUEST_DEPTH);
	struct json_object *json = NULL;

	if (!tokener) {
		fail(ENOMEM, "no memory");
		return NULL;
	}
	/* Strict: a client that sends what is only nearly JSON is told so, and does not come to rely on it. */
	json_tokener_set_flags(tokener, json_strictness(line, length) | JSON_TOKENER_VALIDATE_UTF8);
	if (length < REQUEST_BYTES)
		json = json_tokener_parse_ex(tokener, line, (int)length);
	if (json_tokener_get_parse_end(tokener) != length || !json_object_is_type(json, json_type_object)) {
		fail(EINVAL, "this is not one JSON object a line");
		json_object_put(json);
		json = NULL;
	}
	json_tokener_free(tokener);
	return json;
}

int request_parse(struct request *request, const char *line, size_t length)
{
	int rc;

	*request = (struct request){ .root = request_json(line, length), .set = json_object_new_object() };
	rc = request->root ? take_root(request) : -EINVAL;
	if (rc)
		request_release(request);
	return rc;
}

void request_release(struct request *request)
{
	for (unsigned int i = 0; i < request->option_count; i++)
		free(request->options[i]);
	json_object_put(request->set);
	json_object_put(request->root);
	*request = (struct request){ 0 };
}

const char *request_text(const struct json_object *json, const char *name)
{
	struct json_object *value;

	if (json_object_object_get_ex(json, name, &value) && json_object_is_type(value, json_type_string))
		return json_object_get_string(value);
	return "";
}
