/* See request.h. */
#include "daemon/request.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "text/json.h"

/* The options of pvferry migrate that may be ordered. pvferry looks at the values once more. */
static const struct option {
	const char *name;
	enum json_type type;
	bool changes;	   /* while the job runs, too */
	const char *words; /* of which a text must be one; NULL: any. Of a number: may be instead */
} options[] = {
	{ "max-downtime", json_type_int, true, NULL },
	{ "max-suspended", json_type_int, false, NULL },
	{ "bandwidth", json_type_int, true, NULL },
	{ "max-rounds", json_type_int, false, NULL },
	{ "timeout", json_type_int, false, NULL },
	{ "idle-timeout", json_type_int, false, NULL },
	{ "connections", json_type_int, false, NULL },
	{ "level", json_type_int, false, "auto" },
	{ "threads", json_type_int, false, NULL },
	{ "port", json_type_int, false, NULL },
	{ "abort-if-busy", json_type_boolean, false, NULL },
	{ "force", json_type_boolean, false, NULL },
	{ "no-live", json_type_boolean, false, NULL },
	{ "without-devices", json_type_boolean, false, NULL },
	{ "on-timeout", json_type_string, false, "abort stop" },
	{ "dirty-tracking", json_type_string, false, "auto content log" },
	{ "via", json_type_string, false, "tls ssh tcp" },
	{ "p2m", json_type_string, false, "auto linear list" },
	{ "name", json_type_string, false, NULL },
	{ "pki", json_type_string, false, NULL },
	{ "ssh", json_type_string, false, NULL },
};

enum {
	OPTIONS = sizeof(options) / sizeof(*options),
	NUMBER_MOST = INT_MAX,
	LEVELS_LEAST = -100,
	TEXT_MOST = 4096
};
_Static_assert(OPTIONS < (int)REQUEST_WORDS, "every option has a word");

static const struct option *find_option(const char *name)
{
	for (int i = 0; i < OPTIONS; i++)
		if (!strcmp(options[i].name, name))
			return &options[i];
	return NULL;
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

static bool is_word_of(const char *words, const char *text)
{
	size_t length = strlen(text);

	for (; *words; words += strcspn(words, " "), words += *words == ' ')
		if (strcspn(words, " ") == length && !strncmp(words, text, length))
			return true;
	return false;
}

static int check_option(const struct option *option, struct json_object *value)
{
	const char *text;

	if (option->type == json_type_string ||
	    (option->words && json_object_is_type(value, json_type_string))) {
		text = text_of(option->name, value);
		if (text && option->words && !is_word_of(option->words, text))
			return fail(EINVAL, "\"%s\" is one of %s", option->name, option->words);
		return text ? 0 : -EINVAL;
	}
	if (!json_object_is_type(value, option->type))
		return fail(EINVAL, "\"%s\" is not of type %s", option->name,
			    json_type_to_name(option->type));
	if (option->type == json_type_int &&
	    (json_object_get_int64(value) < (option->changes ? 0 : LEVELS_LEAST) ||
	     json_object_get_int64(value) > NUMBER_MOST))
		return fail(EINVAL, "\"%s\" is out of range", option->name);
	return 0;
}

static int add_option(struct request *request, const struct option *option, struct json_object *value)
{
	char **word = &request->options[request->option_count];
	int n = 0;

	if (option->type == json_type_boolean && !json_object_get_boolean(value))
		return 0;
	if (option->type == json_type_boolean)
		n = asprintf(word, "--%s", option->name);
	else
		n = asprintf(word, "--%s=%s", option->name, json_object_get_string(value));
	if (n < 0) {
		*word = NULL;
		return fail(ENOMEM, "no memory");
	}
	request->option_count++;
	return 0;
}

static int take_option(struct request *request, const char *name, struct json_object *value)
{
	const struct option *option = find_option(name);
	int rc;

	if (!option || (request->kind == REQUEST_SET && !option->changes))
		return fail(EINVAL, "unknown argument \"%.64s\"", name);
	rc = check_option(option, value);
	if (rc)
		return rc;
	if (request->kind == REQUEST_MIGRATE)
		return add_option(request, option, value);
	json_object_object_add(request->set, option->name, json_object_get(value));
	return 0;
}

static int take_text(const char **to, const char *name, struct json_object *value)
{
	*to = text_of(name, value);
	if (*to && !**to)
		return fail(EINVAL, "\"%s\" is empty", name);
	return *to ? 0 : -EINVAL;
}

static int take_follow(struct request *request, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_boolean))
		return fail(EINVAL, "\"follow\" is not a boolean");
	request->follow = json_object_get_boolean(value);
	return 0;
}

static int take_argument(struct request *request, const char *name, struct json_object *value)
{
	enum request_kind kind = request->kind;

	if (kind == REQUEST_MIGRATE && !strcmp(name, "domain"))
		return take_text(&request->domain, name, value);
	if (kind == REQUEST_MIGRATE && !strcmp(name, "host"))
		return take_text(&request->host, name, value);
	if (kind == REQUEST_MIGRATE && !strcmp(name, "follow"))
		return take_follow(request, value);
	if (kind != REQUEST_MIGRATE && kind != REQUEST_JOBS && !strcmp(name, "job"))
		return take_text(&request->job, name, value);
	if (kind == REQUEST_MIGRATE || kind == REQUEST_SET)
		return take_option(request, name, value);
	return fail(EINVAL, "unknown argument \"%.64s\"", name);
}

static int take_arguments(struct request *request, struct json_object *arguments)
{
	int rc = 0;

	json_object_object_foreach (arguments, name, value)
		if (!rc)
			rc = take_argument(request, name, value);
	if (rc)
		return rc;
	if (request->kind == REQUEST_MIGRATE && (!request->domain || !request->host))
		return fail(EINVAL, "migrate needs \"domain\" and \"host\"");
	if ((request->kind == REQUEST_CANCEL || request->kind == REQUEST_SET) && !request->job)
		return fail(EINVAL, "\"job\" is missing");
	if (request->kind == REQUEST_SET && !json_object_object_length(request->set))
		return fail(EINVAL, "set needs \"max-downtime\" or \"bandwidth\"");
	return 0;
}

static int take_name(struct request *request, const char *name)
{
	static const char *const names[] = { [REQUEST_MIGRATE] = "migrate",
					     [REQUEST_JOBS] = "jobs",
					     [REQUEST_FOLLOW] = "follow",
					     [REQUEST_CANCEL] = "cancel",
					     [REQUEST_SET] = "set" };

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
