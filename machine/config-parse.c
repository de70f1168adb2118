/* A config out of its text. Apart from config.c: the builder has no parser, see config-flat.h. */
#include <json-c/json.h>

#include "log.h"
#include "machine/config-flat.h"

int config_parse_json(struct config *config, const char *text)
{
	int rc = config_tokenise(&config->root, text);

	return rc ? rc : config_check_sections(config);
}

bool config_writes_disks(const char *text)
{
	struct json_object *root = NULL, *disks = NULL, *may = NULL;
	bool found = false;

	if (config_tokenise(&root, text)) {
		fail_forget();
		return false;
	}
	json_object_object_get_ex(root, "disks", &disks);
	for (size_t i = 0; json_object_is_type(disks, json_type_array) && i < json_object_array_length(disks);
	     i++)
		if (json_object_object_get_ex(json_object_array_get_idx(disks, i), "readwrite", &may))
			found |= json_object_get_int64(may) != 0;
	json_object_put(root);
	return found;
}

int config_parse(struct config *config, const char *text)
{
	int rc = config_tokenise(&config->root, text);

	return rc ? rc : config_check(config);
}
