/*
 * See config-redirect.h. A disk is known by its vdev, a network interface by its devid, which is its number as xl has
 * it. In: lines that a person gave as options, perhaps through pvferryd and to another host. Out: the config with other
 * backends. The trap: it is done before config_filter(), whose bounds hold for these values, too.
 */
#include "machine/config-redirect.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct redirect {
	const char *kind, *list, *option;
	const char *value_key;
};

/* One row a kind: the word of a line, libxl's list, the option as messages call it, the key that is replaced. */
static const struct redirect redirects[] = { { "disk", "disks", "--disk", "pdev_path" },
					     { "bridge", "nics", "--bridge", "bridge" } };

enum { REDIRECTS = sizeof(redirects) / sizeof(*redirects), NAME_BYTES = 64 };

/* A line has no quoting, so a value may have anything but the end of a line in it; the first "=" separates. */
int redirect_add(char *lines, size_t room, const char *kind, const char *wish)
{
	const char *equals = strchr(wish, '=');
	size_t used = strlen(lines);
	int length;

	if (!equals || equals == wish || equals - wish >= NAME_BYTES || !equals[1] || strchr(wish, '\n'))
		return fail(EINVAL, "--%s: \"%s\" is not %s", kind, wish,
			    !strcmp(kind, "disk") ? "VDEV=TARGET" : "N=BRIDGE");
	length = snprintf(lines + used, room - used, "%s %s\n", kind, wish);
	if ((size_t)length < room - used)
		return 0;
	lines[used] = '\0';
	return fail(ENOSPC, "--%s: too many of them", kind);
}

static struct json_object *list_of(const struct config *config, const char *name)
{
	struct json_object *list = NULL;

	json_object_object_get_ex(config->root, name, &list);
	return json_object_is_type(list, json_type_array) ? list : NULL;
}

static const char *text_in(struct json_object *device, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(device, json_type_object))
		json_object_object_get_ex(device, key, &value);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

/* What a user calls it. libxl numbers interfaces that have no devid in their order. */
static void name_of(const struct redirect *redirect, struct json_object *device, size_t place,
		    char name[NAME_BYTES])
{
	struct json_object *value = NULL;
	const char *vdev = text_in(device, "vdev");

	if (!strcmp(redirect->kind, "disk")) {
		snprintf(name, NAME_BYTES, "%s", vdev ? vdev : "");
		return;
	}
	if (json_object_is_type(device, json_type_object) &&
	    json_object_object_get_ex(device, "devid", &value) && json_object_get_int64(value) >= 0)
		place = json_object_get_int64(value);
	snprintf(name, NAME_BYTES, "%zu", place);
}

/* Names of all, for the one who named another. */
static int fail_unknown(const struct redirect *redirect, struct json_object *list, const char *name)
{
	char all[256] = "", one[NAME_BYTES];

	for (size_t i = 0, used = 0; list && i < json_object_array_length(list) && used < sizeof(all); i++) {
		name_of(redirect, json_object_array_get_idx(list, i), i, one);
		used += snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", one);
	}
	return fail(ENOENT, "%s: the config has no %s %s; it has %s", redirect->option,
		    !strcmp(redirect->kind, "disk") ? "disk" : "network interface", name,
		    *all ? all : "nothing");
}

static int redirect_one(const struct config *config, const struct redirect *redirect, const char *name,
			const char *value)
{
	struct json_object *list = list_of(config, redirect->list);
	char has[NAME_BYTES];

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *device = json_object_array_get_idx(list, i);

		name_of(redirect, device, i, has);
		/* What is no object has no name of its own, and cannot take a value. */
		if (!json_object_is_type(device, json_type_object) || strcmp(has, name))
			continue;
		json_object_object_add(device, redirect->value_key, json_object_new_string(value));
		return 0;
	}
	return fail_unknown(redirect, list, name);
}

static int redirect_line(const struct config *config, char *line)
{
	char *name = strchr(line, ' '), *value = name ? strchr(name, '=') : NULL;

	if (!value)
		return fail(EINVAL, "\"%s\" is not a redirection", line);
	*name++ = *value++ = '\0';
	for (int i = 0; i < REDIRECTS; i++)
		if (!strcmp(line, redirects[i].kind))
			return redirect_one(config, &redirects[i], name, value);
	return fail(EINVAL, "\"%s\" is not a redirection", line);
}

int config_redirect(struct config *config, const char *lines)
{
	char *copy = strdup(lines), *at = copy, *line;
	int rc = copy ? 0 : fail(ENOMEM, "out of memory");

	while (!rc && (line = strsep(&at, "\n")))
		rc = *line ? redirect_line(config, line) : 0;
	free(copy);
	return rc;
}

void config_attachments(const struct config *config, char *text, size_t room)
{
	size_t used = 0;

	*text = '\0';
	for (int r = 0; r < REDIRECTS; r++) {
		struct json_object *list = list_of(config, redirects[r].list);
		size_t count = list ? json_object_array_length(list) : 0;

		for (size_t i = 0; i < count && used < room; i++) {
			struct json_object *device = json_object_array_get_idx(list, i);
			const char *value = text_in(device, redirects[r].value_key);
			char name[NAME_BYTES];

			name_of(&redirects[r], device, i, name);
			if (!i)
				used += snprintf(text + used, room - used, "%s%ss ", used ? "; " : "",
						 redirects[r].kind);
			if (used < room)
				used += snprintf(text + used, room - used, "%s%s=%s", i ? ", " : "", name,
						 value && *value ? value : "(empty)");
		}
	}
}
