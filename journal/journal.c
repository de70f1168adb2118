/*
 * See journal.h. One file a job and role, replaced as a whole: a reader sees the stage before or the one after, never
 * half of one. In: struct journal. Out: the same, after a crash too. The trap: a stage that decides who runs the guest
 * must be on the disk, its name as well, before anything is done by it; others need not wait for the disk.
 */
#include "journal/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

enum { FILE_MOST = 64 << 10 };

static const char *const role_names[] = {
	[JOURNAL_SOURCE] = "source", [JOURNAL_DESTINATION] = "destination"
};

static const struct stage {
	const char *name;
	bool decides; /* who runs the guest: its name must be on the disk, too */
	bool is_end;
} stages[JOURNAL_STAGES] = {
	[JOURNAL_STREAMING] = { "streaming", false, false },
	[JOURNAL_SUSPENDING] = { "suspending", false, false },
	[JOURNAL_SUSPENDED] = { "suspended", false, false },
	[JOURNAL_BUILDING] = { "building", true, false },
	[JOURNAL_READY] = { "ready", false, false },
	[JOURNAL_GO] = { "go", true, false },
	[JOURNAL_DONE] = { "done", true, true },
	[JOURNAL_KEPT] = { "kept", true, true },
	[JOURNAL_ENDED] = { "ended", true, true },
	[JOURNAL_RUNNING] = { "running", true, true },
	[JOURNAL_DESTROYED] = { "destroyed", true, true },
};

const char *journal_stage_name(enum journal_stage stage)
{
	return stages[stage].name;
}

bool journal_is_settled(const struct journal *journal)
{
	return stages[journal->stage].is_end;
}

void boot_id(char id[BOOT_DIGITS + 1])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || fscanf(file, "%36s", id) != 1)
		snprintf(id, BOOT_DIGITS + 1, "unknown");
	if (file)
		fclose(file);
}

bool journal_is_of_this_boot(const struct journal *journal)
{
	char now[BOOT_DIGITS + 1];

	boot_id(now);
	return !strcmp(journal->boot, now);
}

const char *journal_folder(void)
{
	const char *own = secure_getenv("PVFERRY_STATE");

	return own ? own : "/var/lib/pvferry/jobs";
}

void journal_path(char path[JOURNAL_PATH_ROOM], const char *job, enum journal_role role)
{
	snprintf(path, JOURNAL_PATH_ROOM, "%s/%s.%s.json", journal_folder(), job, role_names[role]);
}

/* --- the fields ---------------------------------------------------------------- */

static const struct text_field {
	const char *key;
	size_t at, room;
} texts[] = {
#define TEXT(key, field) \
	{ \
		key, offsetof(struct journal, field), sizeof(((struct journal *)0)->field) \
	}
	TEXT("job", job),	TEXT("uuid", uuid),
	TEXT("domain", domain), TEXT("peer", peer),
	TEXT("via", via),	TEXT("ssh", ssh),
	TEXT("pki", pki),	TEXT("boot-id", boot),
	TEXT("reason", reason), TEXT("connection", connection),
};

static char *text_of(const struct journal *journal, const struct text_field *field)
{
	return (char *)journal + field->at;
}

static struct json_object *to_json(const struct journal *j)
{
	struct json_object *json = json_object_new_object();

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		json_object_object_add(json, texts[i].key, json_object_new_string(text_of(j, &texts[i])));
	json_object_object_add(json, "role", json_object_new_string(role_names[j->role]));
	json_object_object_add(json, "stage", json_object_new_string(stages[j->stage].name));
	json_object_object_add(json, "from-here", json_object_new_boolean(j->is_from_here));
	json_object_object_add(json, "domid", json_object_new_int64(j->domid));
	json_object_object_add(json, "port", json_object_new_int64(j->port));
	json_object_object_add(json, "pid", json_object_new_int64(j->pid));
	json_object_object_add(json, "time", json_object_new_int64(j->time));
	return json;
}

static int64_t number_in(const struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, key, &value);
	return json_object_get_int64(value);
}

static const char *text_in(const struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(json, key, &value);
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* False if pvferry did not write it. */
static bool from_json(struct journal *j, const struct json_object *json)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		snprintf(text_of(j, &texts[i]), texts[i].room, "%s", text_in(json, texts[i].key));
	j->role = strcmp(text_in(json, "role"), role_names[JOURNAL_SOURCE]) ? JOURNAL_DESTINATION
									    : JOURNAL_SOURCE;
	j->is_from_here = number_in(json, "from-here");
	j->domid = number_in(json, "domid");
	j->port = number_in(json, "port");
	j->pid = number_in(json, "pid");
	j->time = number_in(json, "time");
	for (j->stage = 0; j->stage < JOURNAL_STAGES; j->stage++)
		if (!strcmp(text_in(json, "stage"), stages[j->stage].name))
			return job_is_name(j->job);
	return false;
}

/* --- the files ------------------------------------------------------------------- */

static int write_file(const char *path, const char *text, bool is_synced)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc = 0;
	size_t count = strlen(text);

	if (fd < 0)
		return fail_errno("cannot write the journal %s", path);
	if (write(fd, text, count) != (ssize_t)count || (is_synced && fsync(fd)))
		rc = fail_errno("cannot write the journal %s", path);
	if (close(fd) && !rc)
		rc = fail_errno("cannot write the journal %s", path);
	return rc;
}

static int sync_folder(void)
{
	int fd = open(journal_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd))
		rc = fail_errno("cannot sync the journal's directory %s", journal_folder());
	if (fd >= 0)
		close(fd);
	return rc;
}

int journal_write(struct journal *j)
{
	char path[JOURNAL_PATH_ROOM], temporary[JOURNAL_PATH_ROOM + 8];
	/* A guest that was being saved is gone after a power cut: of a save only this boot wants to know. */
	bool is_synced = !journal_is_of_save(j);
	struct json_object *json;
	int rc = journal_make_folder(journal_folder());

	if (rc)
		return rc;
	boot_id(j->boot);
	j->pid = getpid();
	j->time = time(NULL);
	journal_path(path, j->job, j->role);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	json = to_json(j);
	rc = write_file(temporary, json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN), is_synced);
	json_object_put(json);
	/* The file first, then its name: the other way round a power cut could leave an empty journal. */
	if (!rc && rename(temporary, path))
		rc = fail_errno("cannot write the journal %s", path);
	return rc || !is_synced || !stages[j->stage].decides ? rc : sync_folder();
}

static int read_file(struct journal *j, const char *path)
{
	char *text = malloc(FILE_MOST);
	struct json_object *json = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	ssize_t got = -1;

	j->was_resumed = false;
	if (fd < 0)
		rc = errno == ENOENT ? -ENOENT : fail_errno("cannot read %s", path);
	if (fd >= 0 && text)
		got = read(fd, text, FILE_MOST - 1);
	if (got >= 0) {
		text[got] = '\0';
		json = json_tokener_parse(text);
	}
	if (!rc && (!json_object_is_type(json, json_type_object) || !from_json(j, json)))
		rc = fail(EBADMSG,
			  "the journal %s is damaged: once no domain of this job waits here, remove the file",
			  path);
	json_object_put(json);
	free(text);
	if (fd >= 0)
		close(fd);
	return rc;
}

int journal_read(struct journal *j, const char *job, enum journal_role role)
{
	char path[JOURNAL_PATH_ROOM];

	journal_path(path, job, role);
	return read_file(j, path);
}

void journal_remove(const char *job, enum journal_role role)
{
	char path[JOURNAL_PATH_ROOM];

	journal_path(path, job, role);
	unlink(path);
}

static bool is_journal_file(const char *name)
{
	static const char *const ends[] = { ".source.json", ".destination.json" };
	char job[JOB_DIGITS + 1];

	snprintf(job, sizeof(job), "%.*s", JOB_DIGITS, name);
	return job_is_name(job) &&
	       (!strcmp(name + JOB_DIGITS, ends[0]) || !strcmp(name + JOB_DIGITS, ends[1]));
}

/* pvferryd looks often: of a file that is damaged it hears once. */
static bool is_news(ino_t file)
{
	enum { TOLD_MOST = 64 };
	static ino_t told[TOLD_MOST];
	static unsigned int count;

	for (unsigned int i = 0; i < count; i++)
		if (told[i] == file)
			return false;
	if (count == TOLD_MOST)
		return false;
	told[count++] = file;
	return true;
}

/* One more; but not what is gone meanwhile, or is damaged. */
static int add_to(struct journal **list, size_t *count, const struct dirent *entry)
{
	struct journal *more = realloc(*list, (*count + 1) * sizeof(**list));
	char path[JOURNAL_PATH_ROOM + 300];
	int rc;

	if (!more)
		return fail(ENOMEM, "out of memory");
	*list = more;
	snprintf(path, sizeof(path), "%s/%s", journal_folder(), entry->d_name);
	rc = read_file(&more[*count], path);
	if (!rc)
		++*count;
	else if (rc != -ENOENT && is_news(entry->d_ino))
		say(SAY_WARNING, "%s", fail_reason());
	if (rc)
		fail_forget();
	return 0;
}

static int compare_times(const void *a, const void *b)
{
	const struct journal *one = a, *other = b;

	return (one->time > other->time) - (one->time < other->time);
}

int journal_list(struct journal **list, size_t *count)
{
	DIR *directory = opendir(journal_folder());
	struct dirent *entry;
	int rc = 0;

	*list = NULL;
	*count = 0;
	if (!directory)
		return errno == ENOENT ? 0 : fail_errno("cannot read %s", journal_folder());
	while (!rc && (entry = readdir(directory)))
		if (is_journal_file(entry->d_name))
			rc = add_to(list, count, entry);
	closedir(directory);
	if (*count)
		qsort(*list, *count, sizeof(**list), compare_times);
	return rc;
}
