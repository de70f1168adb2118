/* A config out of its text. Apart from config.c: the builder has no parser, see config-flat.h. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config-flat.h"
#include "text/text.h"

int config_parse_json(struct config *config, const char *text)
{
	int rc = config_tokenise(&config->root, text);

	return rc ? rc : config_check_sections(config);
}

/* "" where it is not a text: a disk without a path (an empty drive) has null there. */
static const char *text_of(struct json_object *disk, const char *key)
{
	struct json_object *text = NULL;

	json_object_object_get_ex(disk, key, &text);
	return json_object_is_type(text, json_type_string) ? json_object_get_string(text) : "";
}

/* A path may have anything in it; a reader of the list goes by its lines. */
static void put_disk(struct bytes *list, struct json_object *disk)
{
	char path[4096], line[sizeof(path) + 64];
	int count;

	text_visible(path, sizeof(path), text_of(disk, "pdev_path"));
	count = snprintf(line, sizeof(line), "%.40s %s\n", text_of(disk, "vdev"), path);
	bytes_put(list, line, count);
}

/*
 * With a format of its own (qcow2, vhd, qed) the file is no disk yet: where its blocks are stands in tables, and qemu holds the
 * newest in its memory, also of writes that the guest was told are done. libxl gives none but qemu such a disk.
 */
static void put_cached_disk(struct bytes *list, struct json_object *disk)
{
	const char *format = text_of(disk, "format");
	char line[128];
	int count;

	if (!*text_of(disk, "pdev_path") || !strcmp(format, "raw") || !strcmp(format, "empty"))
		return;
	if (!*format && strcmp(text_of(disk, "backend"), "qdisk") != 0)
		return;
	count = snprintf(line, sizeof(line), "%s%.40s (%.40s)", list->count ? ", " : "",
			 text_of(disk, "vdev"), *format ? format : "of an unknown format");
	bytes_put(list, line, count);
}

/*
 * Those that the guest may write to: with -c they change after the image was made, and the image no longer fits them.
 * A config that cannot be parsed names no disks: the caller has said so already, or will.
 */
static char *list_disks(const char *text, void (*put)(struct bytes *list, struct json_object *disk))
{
	struct json_object *root = NULL, *disks = NULL, *may = NULL;
	struct bytes list = { 0 };

	if (config_tokenise(&root, text))
		fail_forget();
	json_object_object_get_ex(root, "disks", &disks);
	for (size_t i = 0; json_object_is_type(disks, json_type_array) && i < json_object_array_length(disks);
	     i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (json_object_object_get_ex(disk, "readwrite", &may) && json_object_get_int64(may))
			put(&list, disk);
	}
	json_object_put(root);
	bytes_put(&list, "", 1);
	if (!bytes_check(&list))
		return (char *)list.at;
	bytes_release(&list);
	return NULL;
}

char *config_written_disks(const char *text)
{
	return list_disks(text, put_disk);
}

char *config_cached_disks(const char *text)
{
	return list_disks(text, put_cached_disk);
}

bool config_writes_disks(const char *text)
{
	char *list = config_written_disks(text);
	bool found = list && *list;

	free(list);
	return found;
}

int config_parse(struct config *config, const char *text)
{
	int rc = config_tokenise(&config->root, text);

	return rc ? rc : config_check(config);
}
