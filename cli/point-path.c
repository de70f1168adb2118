/* See point-path.h. */
#include "cli/point-path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "checkpoint/links.h"
#include "log.h"

bool point_path_is_directory(const char *given)
{
	struct stat facts;

	return !stat(given, &facts) && S_ISDIR(facts.st_mode);
}

static int point_find(const char *directory, const char *which, char path[PATH_MAX])
{
	struct points points;
	const struct point *point = NULL;
	int rc = points_open(&points, directory, false);

	if (!rc)
		rc = points_read(&points);
	if (!rc)
		point = points_select(&points, which);
	if (point && snprintf(path, PATH_MAX, "%s/%s", directory, point->file) >= PATH_MAX)
		rc = fail(ENAMETOOLONG, "the path of %s is too long", point->file);
	points_close(&points);
	return rc ? rc : point ? 0 : -ENOENT;
}

/* The directory of DIR, or of DIR@...; false: it is a file. */
static bool split(const char *given, char directory[PATH_MAX])
{
	const char *at = strrchr(given, '@');
	struct stat facts;

	snprintf(directory, PATH_MAX, "%s", given);
	if (point_path_is_directory(given))
		return true;
	if (!at || !stat(given, &facts))
		return false;
	snprintf(directory, PATH_MAX, "%.*s", (int)(at - given), given);
	return point_path_is_directory(directory);
}

int point_path(const char *given, char path[PATH_MAX])
{
	char directory[PATH_MAX];

	snprintf(path, PATH_MAX, "%s", given);
	if (!split(given, directory))
		return 0;
	return point_find(directory, point_path_is_directory(given) ? "latest" : strrchr(given, '@') + 1,
			  path);
}

/* As a word of its own: a file may have any name. */
static bool names(const char *reason, const char *file)
{
	size_t length = strlen(file);

	for (const char *at = strstr(reason, file); at; at = strstr(at + 1, file))
		if ((at == reason || strchr("/ ", at[-1])) && strchr(" :;,", at[length]))
			return true;
	return false;
}

/* It, or one that it goes on from, is the file given or one that the failure names. A circle is not sound to begin with. */
static bool is_concerned(const struct points *points, const struct link *links, long at, const char *path,
			 const char *reason)
{
	bool is = false;

	for (; at >= 0 && !is; at = links[at].parent) {
		const char *file = points->at[at].file;

		is = !strcmp(file, strrchr(path, '/') + 1) || names(reason, file);
	}
	return is;
}

static const struct point *find_other(const struct points *points, const char *path, const char *reason)
{
	struct link *links = points_link(points);
	const struct point *found = NULL;

	for (size_t i = 0; links && i < points->count; i++)
		if (links[i].state == LINK_SOUND && points->at[i].name.number &&
		    !is_concerned(points, links, i, path, reason))
			found = &points->at[i];
	free(links);
	return found;
}

const char *point_path_other(const char *given, const char *path)
{
	static char text[192];
	char directory[PATH_MAX], reason[4096];
	const struct point *other = NULL;
	int error = fail_error();
	struct points points;

	if (!split(given, directory))
		return NULL;
	snprintf(reason, sizeof(reason), "%s", fail_reason());
	if (!points_open(&points, directory, false) && !points_read(&points))
		other = find_other(&points, path, reason);
	if (other)
		snprintf(text, sizeof(text),
			 "@%lu is the newest other checkpoint that can be restored, by the indexes alone: "
			 "\"pvferry verify DIR\" reads all",
			 other->name.number);
	points_close(&points);
	fail_forget();
	fail(error, "%s", reason);
	return other ? text : NULL;
}
