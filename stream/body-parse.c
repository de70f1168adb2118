/* See body.h. Apart from body.c, which pvferry-builder uses, as no parser is linked to that. */
#include "stream/body.h"

#include <errno.h>
#include <json-c/json.h>

#include "log.h"
#include "text/json.h"

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
