/* See checkpointer.h. */
#include "journal/checkpointer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"

enum { FILE_MOST = 16384 };

static void folder_path(char path[JOURNAL_PATH_ROOM])
{
	snprintf(path, JOURNAL_PATH_ROOM, "%s/checkpoints", run_folder());
}

static void file_path(char path[JOURNAL_PATH_ROOM], const char *name, const char *ending)
{
	snprintf(path, JOURNAL_PATH_ROOM, "%s/checkpoints/%s.%s", run_folder(), name, ending);
}

/* --- the one that makes checkpoints ------------------------------------------------- */

int checkpointer_begin(struct checkpointer *c, const char *directory)
{
	char folder[JOURNAL_PATH_ROOM];
	int rc;

	*c = (struct checkpointer){ .lock = -1 };
	if (!realpath(directory, c->directory))
		return fail_errno("cannot find the directory %s", directory);
	folder_path(folder);
	rc = journal_make_folder(folder);
	if (rc)
		return rc;
	/* A process's number is its own while it lives, and its lock, by which that is known, goes with it. */
	snprintf(c->name, sizeof(c->name), "%d", getpid());
	rc = journal_lock_checkpointer(c->name, &c->lock);
	if (rc)
		c->name[0] = '\0';
	return rc;
}

static struct json_object *checkpointer_describe(const struct checkpointer *c)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "role", json_object_new_string("checkpoint"));
	json_object_object_add(json, "state", json_object_new_string("running"));
	json_object_object_add(json, "domain", json_object_new_string(c->domain));
	json_object_object_add(json, "directory", json_object_new_string(c->directory));
	json_object_object_add(json, "pid", json_object_new_int(getpid()));
	if (c->number) {
		json_object_object_add(json, "number", json_object_new_int64(c->number));
		json_object_object_add(json, "file", json_object_new_string(c->file));
		json_object_object_add(json, "time", json_object_new_int64(c->time));
		json_object_object_add(json, "stopped-ms", json_object_new_double(c->stopped_ms));
	}
	if (c->due)
		json_object_object_add(json, "due", json_object_new_int64(c->due));
	json_object_object_add(json, "failures", json_object_new_int(c->failures));
	return json;
}

/* Who reads has the old text or the new one. It need not survive the host, so it is not synced. */
int checkpointer_put(const struct checkpointer *c)
{
	char path[JOURNAL_PATH_ROOM], new_path[JOURNAL_PATH_ROOM];
	struct json_object *json;
	int rc = 0;

	if (!*c->name)
		return 0;
	file_path(path, c->name, "json");
	file_path(new_path, c->name, "new");
	json = checkpointer_describe(c);
	if (json_object_to_file(new_path, json) || rename(new_path, path))
		rc = fail_errno("cannot write %s", path);
	json_object_put(json);
	return rc;
}

void checkpointer_end(struct checkpointer *c)
{
	char path[JOURNAL_PATH_ROOM];

	if (!*c->name)
		return;
	file_path(path, c->name, "json");
	unlink(path);
	file_path(path, c->name, "new");
	unlink(path);
	journal_unlock_checkpointer(c->name, c->lock);
	c->name[0] = '\0';
}

/* --- who asks ------------------------------------------------------------------------- */

/* "1234.json" -> "1234"; false for every other file. */
static bool name_of(const char *file, char name[32])
{
	size_t length = strspn(file, "0123456789");

	if (!length || length > 10 || strcmp(file + length, ".json"))
		return false;
	snprintf(name, 32, "%.*s", (int)length, file);
	return true;
}

/* What one that was killed has left is removed on the way: it is of no use to the next one of that number either. */
static void add(struct json_object *all, const char *name)
{
	char path[JOURNAL_PATH_ROOM];
	struct json_object *json;

	file_path(path, name, "json");
	if (!journal_is_checkpointer(name)) {
		unlink(path);
		return;
	}
	json = json_object_from_file(path);
	if (json_object_is_type(json, json_type_object))
		json_object_array_add(all, json);
	else
		json_object_put(json);
}

int checkpointers_list(struct json_object *all)
{
	char folder[JOURNAL_PATH_ROOM], name[32];
	struct dirent *entry;
	DIR *directory;

	folder_path(folder);
	directory = opendir(folder);
	if (!directory)
		return errno == ENOENT ? 0 : fail_errno("cannot read the directory %s", folder);
	while ((entry = readdir(directory)))
		if (name_of(entry->d_name, name))
			add(all, name);
	closedir(directory);
	return 0;
}
