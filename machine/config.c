/*
 * See config.h. The config as a tree of JSON, and the questions that pvferry asks it. In: libxl's JSON, as text or as
 * the tree that another process parsed. Out: numbers, texts, the file head that xl writes. The trap: nothing here
 * judges whether this host may do what a config asks for; config-filter.c does, before libxl sees it.
 */
#include "machine/config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config-flat.h"
#include "machine/config-keys.h"
#include "stream/format.h"

/*
 * The tree may be anything that is JSON: an image's config was written by others. So each step down is checked for its
 * type, and what is not there, or of another type, counts as absent.
 */
static struct json_object *section_of(const struct config *config, const char *name)
{
	struct json_object *section = NULL;

	if (json_object_is_type(config->root, json_type_object))
		json_object_object_get_ex(config->root, name, &section);
	return json_object_is_type(section, json_type_object) ? section : NULL;
}

static struct json_object *value_of(const struct config *config, const char *section, const char *key)
{
	struct json_object *object = section_of(config, section), *value = NULL;

	if (object)
		json_object_object_get_ex(object, key, &value);
	return value;
}

/*
 * What the rest of pvferry relies on without asking again: a PV domain, with a name, a UUID that can be read, and no
 * more vCPUs than an array is made for.
 */
static int config_check_kind(const struct config *config)
{
	const char *type = config_string(config, "c_info", "type");
	uint8_t uuid[16];

	if (!type || strcmp(type, "pv"))
		return fail(EMEDIUMTYPE, "the config is of a domain of type \"%s\": let xl restore it",
			    type ? type : "none");
	if (!config_name(config) || !*config_name(config))
		return fail(EBADMSG, "the config has no name");
	if (config_string(config, "c_info", "uuid") && !config_uuid(config, uuid))
		return fail(EBADMSG, "the config's uuid is not a UUID");
	if (config_number(config, "b_info", "max_vcpus", 1) < 1 ||
	    config_number(config, "b_info", "max_vcpus", 1) > VCPU_MAX)
		return fail(EBADMSG, "the config's max_vcpus is not a valid number of vCPUs");
	return 0;
}

/*
 * Of any config of libxl's, HVM domains' too: a save can refuse those by their kind only if it can read what they are.
 */
int config_check_sections(struct config *config)
{
	if (section_of(config, "c_info") && section_of(config, "b_info"))
		return 0;
	config_release(config);
	return fail(EBADMSG, "the config has no c_info or no b_info: not libxl's");
}

int config_check(struct config *config)
{
	int rc = config_check_sections(config);

	if (rc)
		return rc;
	rc = config_check_kind(config);
	if (rc)
		config_release(config);
	return rc;
}

void config_release(struct config *config)
{
	json_object_put(config->root);
	config->root = NULL;
}

/* Slashes stay as they are, so that paths remain readable. */
const char *config_text(const struct config *config)
{
	return json_object_to_json_string_ext(config->root, JSON_C_TO_STRING_PRETTY |
								    JSON_C_TO_STRING_SPACED |
								    JSON_C_TO_STRING_NOSLASHESCAPE);
}

const char *config_string(const struct config *config, const char *section, const char *key)
{
	struct json_object *value = value_of(config, section, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

int64_t config_number(const struct config *config, const char *section, const char *key, int64_t otherwise)
{
	struct json_object *value = value_of(config, section, key);

	return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : otherwise;
}

/* Either may be absent; the larger one counts. KiB to pages of 4 KiB. */
uint64_t config_most_pfns(const struct config *config)
{
	uint64_t target = config_number(config, "b_info", "target_memkb", 0);
	uint64_t most = config_number(config, "b_info", "max_memkb", 0);

	return most_pfns((target > most ? target : most) / 4);
}

const char *config_name(const struct config *config)
{
	return config_string(config, "c_info", "name");
}

void config_set_name(struct config *config, const char *name)
{
	json_object_object_add(section_of(config, "c_info"), "name", json_object_new_string(name));
}

bool config_uuid(const struct config *config, uint8_t uuid[16])
{
	const char *text = config_string(config, "c_info", "uuid");

	return text && uuid_parse(text, uuid);
}

void config_set_uuid(struct config *config, const uint8_t uuid[16])
{
	char text[37];

	uuid_format(uuid, text);
	json_object_object_add(section_of(config, "c_info"), "uuid", json_object_new_string(text));
}

/* libxl writes its defaulted booleans ("defbool") as the texts True, False and <default>, not as JSON booleans. */
bool config_build_flag(const struct config *config, const char *object, const char *key)
{
	struct json_object *inner = value_of(config, "b_info", object), *value = NULL;

	if (json_object_is_type(inner, json_type_object))
		json_object_object_get_ex(inner, key, &value);
	return json_object_is_type(value, json_type_string) && !strcmp(json_object_get_string(value), "True");
}

/* No list means that all are on: libxl leaves out what has its default. A list is a bitmap written as the numbers of its bits. */
void config_vcpus_available(const struct config *config, bool *available, unsigned int vcpus)
{
	struct json_object *list = value_of(config, "b_info", "avail_vcpus");
	bool is_list = json_object_is_type(list, json_type_array);

	memset(available, !is_list, vcpus * sizeof(*available));
	for (size_t i = 0; is_list && i < json_object_array_length(list); i++) {
		int64_t vcpu = json_object_get_int64(json_object_array_get_idx(list, i));

		if (vcpu >= 0 && vcpu < vcpus)
			available[vcpu] = true;
	}
}

/*
 * libxl writes each kind of device as a list at the top of the tree, beside c_info and b_info, which are objects; so
 * every list that is not empty is a kind of device, also one that this release does not know.
 */
void config_devices(const struct config *config, char *text, size_t room)
{
	size_t used = 0;

	*text = '\0';
	json_object_object_foreach (config->root, key, value) {
		if (!json_object_is_type(value, json_type_array) || !json_object_array_length(value))
			continue;
		if (used < room)
			used += snprintf(text + used, room - used, "%s%s", used ? ", " : "", key);
	}
}

/*
 * Only of kinds with a table in config-keys.c: config_filter() drops the others, so they become no device of this host.
 */
unsigned int config_count_devices(const struct config *config)
{
	unsigned int count = 0;

	for (const struct config_key *key = config_keys; key->name; key++) {
		struct json_object *list = NULL;

		if (json_object_object_get_ex(config->root, key->name, &list) &&
		    json_object_is_type(list, json_type_array))
			count += json_object_array_length(list);
	}
	return count;
}

/* libxl leaves out a set that was not given, or writes an empty one. */
static bool has_list(const struct config *config, const char *key)
{
	struct json_object *list = value_of(config, "b_info", key);

	return json_object_is_type(list, json_type_array) && json_object_array_length(list);
}

/*
 * xl save writes what each domain has, wanted or not: the scheduler's name, and Xen's own weight and cap, which the domain gets
 * here anyway.
 */
static bool is_usual_share(const char *key, int64_t value)
{
	enum { USUAL_WEIGHT = 256, USUAL_CAP = 0 }; /* of credit and credit2 */

	return (!strcmp(key, "weight") && value == USUAL_WEIGHT) ||
	       (!strcmp(key, "cap") && value == USUAL_CAP);
}

static bool has_share(const struct config *config)
{
	struct json_object *params = value_of(config, "b_info", "sched_params");
	bool has = false;

	if (!json_object_is_type(params, json_type_object))
		return false;
	json_object_object_foreach (params, key, value) {
		has |= json_object_is_type(value, json_type_int) &&
		       !is_usual_share(key, json_object_get_int64(value));
	}
	return has;
}

bool config_places(const struct config *config)
{
	static const char *const lists[] = { "vcpu_hard_affinity", "vcpu_soft_affinity", "cpumap", "nodemap",
					     "vnuma_nodes" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		if (has_list(config, lists[i]))
			return true;
	return has_share(config) || config_string(config, "c_info", "pool_name") ||
	       config_number(config, "c_info", "poolid", 0);
}

/* A defbool: what is not there is "<default>", and libxl places by default. */
bool config_wants_node(const struct config *config)
{
	const char *wish = config_string(config, "b_info", "numa_placement");

	return !wish || strcmp(wish, "False");
}

/*
 * As xl writes it: header, its optional data, of which the config's length and text (with its zero byte) are all. Flags
 * in mandatory_flags make an xl that does not know them refuse the file.
 */
void config_save(const struct config *config, struct bytes *out)
{
	const char *text = config_text(config);
	uint32_t bytes = strlen(text) + 1;
	struct xl_header header = {
		.byteorder = XL_BYTEORDER,
		.mandatory_flags = XL_FLAG_JSON | XL_FLAG_STREAM_V2,
		.optional_bytes = sizeof(bytes) + bytes,
	};

	memcpy(header.magic, XL_MAGIC, sizeof(header.magic));
	bytes_put(out, &header, sizeof(header));
	bytes_put(out, &bytes, sizeof(bytes));
	bytes_put(out, text, bytes);
}
