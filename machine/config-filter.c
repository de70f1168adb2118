/*
 * See config-filter.h. In: a config from an image or a peer, which may have been written to harm this host. Out: the
 * same tree without what no table of config-keys.c has, what is out of bounds, and what needs a permission that was not
 * given. The trap: what is not known must be denied, so each level asks for the key in a table first, and deletes what
 * is not found there.
 */
#include "machine/config-filter.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "text/allow.h"
#include "machine/config-keys.h"
#include "text/text.h"

enum { PATH_ROOM = 160 };

struct filter {
	unsigned int allowed;
	char *dropped;
	size_t room, used;
	unsigned int untold; /* dropped as well, but the room is used up */
};

static void filter_report(struct filter *f, const char *path, const char *why)
{
	char entry[PATH_ROOM + 80];
	int length = snprintf(entry, sizeof(entry), "%s%s (%s)", f->used ? ", " : "", path, why);

	if (f->untold || f->used + length >= f->room) {
		f->untold++;
		return;
	}
	memcpy(f->dropped + f->used, entry, length + 1);
	f->used += length;
}

/* What libxl writes for a value that was never set. */
static bool is_empty(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null: return true;
	case json_type_int: return !json_object_get_int64(value);
	case json_type_array: return !json_object_array_length(value);
	case json_type_object: return !json_object_object_length(value);
	case json_type_boolean: return !json_object_get_boolean(value);
	case json_type_string:
		return !*json_object_get_string(value) ||
		       !strcmp(json_object_get_string(value), "<default>") ||
		       !strcmp(json_object_get_string(value), "False");
	default: return false;
	}
}

static bool is_number(struct json_object *value, uint64_t most)
{
	/* json-c holds what is above INT64_MAX at that, and most is never more. */
	return json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0 &&
	       (uint64_t)json_object_get_int64(value) <= most;
}

/* libxl writes its "default" as -1, or as that in 32 bits, without a sign. */
static bool is_limit(struct json_object *value, uint64_t most)
{
	return is_number(value, most) ||
	       (json_object_is_type(value, json_type_int) &&
		(json_object_get_int64(value) == -1 || json_object_get_int64(value) == UINT32_MAX));
}

static bool is_text(struct json_object *value, uint64_t most)
{
	size_t length;

	if (!json_object_is_type(value, json_type_string))
		return false;
	length = json_object_get_string_len(value);
	/* A zero byte within it would hide the rest. */
	return length <= most && length == strlen(json_object_get_string(value)) &&
	       text_is_plain(json_object_get_string(value));
}

/*
 * For values that scripts and qemu's command line get: no blank, no quote, nothing that a shell or an option parser
 * could take for more.
 */
static bool is_word(struct json_object *value, uint64_t most)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/+@,";

	return is_text(value, most) &&
	       !json_object_get_string(value)[strspn(json_object_get_string(value), letters)];
}

/*
 * "block-iscsi" or "/etc/xen/scripts/vif-openvswitch": the administrator has put it there for Xen's domains, and their
 * configs name it. Any other path would be a program that the image chooses.
 */
static bool is_host_script(struct json_object *value)
{
	static const char folder[] = "/etc/xen/scripts/";
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *name;

	if (!is_text(value, NAME_MAX + sizeof(folder)))
		return false;
	name = json_object_get_string(value);
	name += strncmp(name, folder, sizeof(folder) - 1) ? 0 : sizeof(folder) - 1;
	return *name && *name != '.' && !name[strspn(name, letters)];
}

/* json_object_get_string() gives text of any type, so the type has to be asked as well. */
static bool is_flag(struct json_object *value)
{
	const char *text = json_object_get_string(value);

	return json_object_is_type(value, json_type_string) &&
	       (!strcmp(text, "True") || !strcmp(text, "False") || !strcmp(text, "<default>"));
}

static bool is_list(struct json_object *value, uint64_t count)
{
	return json_object_is_type(value, json_type_array) && json_object_array_length(value) <= count;
}

static bool all(struct json_object *list, bool (*is)(struct json_object *, uint64_t), uint64_t most)
{
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (!is(json_object_array_get_idx(list, i), most))
			return false;
	return true;
}

/* A bitmap, as the numbers of its bits. */
static bool is_set(struct json_object *value, uint64_t most)
{
	return is_list(value, most + 1) && all(value, is_number, most);
}

/* No deeper than the parser lets it be. */
static bool is_tree(struct json_object *value, uint64_t most)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
	case json_type_boolean: return true;
	case json_type_int: return is_limit(value, INT64_MAX);
	case json_type_string: return is_text(value, most);
	case json_type_array: return all(value, is_tree, most);
	case json_type_object: break;
	default: return false;
	}
	json_object_object_foreach (value, name, member) {
		if (!text_is_plain(name) || !is_tree(member, most))
			return false;
	}
	return true;
}

/* Not its members. */
static bool has_shape(const struct config_key *key, struct json_object *value)
{
	switch (key->shape) {
	case CONFIG_NUMBER: return is_number(value, key->most);
	case CONFIG_LIMIT: return is_limit(value, key->most);
	case CONFIG_SCRIPT:
	case CONFIG_TEXT: return is_text(value, key->most);
	case CONFIG_WORD: return is_word(value, key->most);
	case CONFIG_RESTORED:
	case CONFIG_FLAG: return is_flag(value);
	case CONFIG_BOOLEAN: return json_object_is_type(value, json_type_boolean);
	case CONFIG_NUMBERS: return is_list(value, key->count) && all(value, is_number, key->most);
	case CONFIG_SETS: return is_list(value, key->count) && all(value, is_set, key->most);
	case CONFIG_TEXTS: return is_list(value, key->count) && all(value, is_text, key->most);
	case CONFIG_OBJECT: return json_object_is_type(value, json_type_object);
	case CONFIG_OBJECTS: return is_list(value, key->count);
	case CONFIG_TREE: return is_tree(value, key->most);
	case CONFIG_ELSEWHERE: break;
	}
	return false;
}

static const struct config_key *key_find(const struct config_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (!strcmp(keys->name, name))
			return keys;
	return NULL;
}

/* Why the value cannot stay; NULL if it can. */
static const char *objection(const struct filter *f, const struct config_key *key, struct json_object *value,
			     char text[64])
{
	if (!key)
		return "unknown";
	/* Permission comes before the bounds: the reason then names the option that helps. */
	if (key->needs & ~f->allowed && !(key->shape == CONFIG_SCRIPT && is_host_script(value))) {
		snprintf(text, 64, "needs --allow %s", allow_word(key->needs));
		return text;
	}
	return has_shape(key, value) ? NULL : "not a value it can have";
}

/* Longer names are shown by their beginning. */
static void join(char path[PATH_ROOM], const char *base, const char *name)
{
	char shown[48];

	snprintf(path, PATH_ROOM, "%.100s%s%s", base, *base ? "." : "",
		 text_visible(shown, sizeof(shown), name));
}

static void filter_members(struct filter *f, const struct config_key *key, struct json_object *value,
			   const char *path);

/* The first member that a device cannot keep, as a reason to drop it; NULL if it can stay. */
static const char *device_objection(const struct filter *f, const struct config_key *keys,
				    struct json_object *device, char text[PATH_ROOM])
{
	if (!json_object_is_type(device, json_type_object))
		return "not an object";
	json_object_object_foreach (device, name, value) {
		char why[64], shown[48];
		const char *what = is_empty(value) ? NULL : objection(f, key_find(keys, name), value, why);

		if (!what)
			continue;
		snprintf(text, PATH_ROOM, "%s %s", text_visible(shown, sizeof(shown), name), what);
		return text;
	}
	return NULL;
}

static void filter_devices(struct filter *f, const struct config_key *key, struct json_object *list,
			   const char *path)
{
	struct json_object *kept = json_object_new_array();
	size_t count = json_object_array_length(list);

	for (size_t i = 0; i < count; i++) {
		struct json_object *device = json_object_array_get_idx(list, i);
		char place[PATH_ROOM], text[PATH_ROOM];
		const char *why = device_objection(f, key->members, device, text);

		snprintf(place, sizeof(place), "%.100s[%zu]", path, i);
		if (why) {
			filter_report(f, place, why);
			continue;
		}
		filter_members(f, key, device, place);
		json_object_array_add(kept, json_object_get(device));
	}
	/* In place, as the caller's tree holds this very list; its members are kept by the second list meanwhile. */
	while (json_object_array_length(list))
		json_object_array_del_idx(list, json_object_array_length(list) - 1, 1);
	for (size_t i = 0; i < json_object_array_length(kept); i++)
		json_object_array_add(list, json_object_get(json_object_array_get_idx(kept, i)));
	json_object_put(kept);
}

/* Of which each restore would tell, although its user has chosen nothing of the kind. */
static bool is_usual(const struct config_key *key)
{
	return key && (key->shape == CONFIG_ELSEWHERE || key->shape == CONFIG_RESTORED);
}

static void filter_members(struct filter *f, const struct config_key *key, struct json_object *object,
			   const char *path)
{
	json_object_object_foreach (object, name, value) {
		const struct config_key *member = key_find(key->members, name);
		char place[PATH_ROOM], text[64];
		const char *why = objection(f, member, value, text);

		join(place, path, name);
		/* What was never set goes without a word. */
		if (why && !is_empty(value) && !is_usual(member))
			filter_report(f, place, why);
		if (why)
			json_object_object_del(object, name);
		else if (member->shape == CONFIG_OBJECT)
			filter_members(f, member, value, place);
		else if (member->shape == CONFIG_OBJECTS)
			filter_devices(f, member, value, place);
	}
}

void config_filter(struct config *config, unsigned int allowed, char *dropped, size_t room)
{
	static const struct config_key top = { .members = config_keys };
	struct filter filter = { .allowed = allowed,
				 .dropped = dropped,
				 .room = room - sizeof(" and 4294967295 more") };

	*dropped = '\0';
	filter_members(&filter, &top, config->root, "");
	if (filter.untold)
		snprintf(dropped + filter.used, room - filter.used, " and %u more", filter.untold);
}
