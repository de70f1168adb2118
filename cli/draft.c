/* See draft.h. */
#include "cli/draft.h"

#include <errno.h>
#include <json-c/json.h>

#include "log.h"
#include "stream/index.h"
#include "stream/writer.h"

int draft_open(struct index_draft *draft, int level)
{
	if (level == LEVEL_PLAIN)
		return fail(EINVAL, "a plain xl save file (--level 0) has no place for an index");
	return index_draft_begin(draft);
}

void draft_close(struct index_draft *draft)
{
	index_draft_release(draft);
}

void draft_print(const struct index_draft *draft, struct json_object *json)
{
	char text[STATE_TEXT_BYTES];

	json_object_object_add(json, "state", json_object_new_string(state_text(draft->head.state, text)));
	if (index_is_increment(&draft->head))
		json_object_object_add(json, "parent",
				       json_object_new_string(state_text(draft->head.parent, text)));
}
