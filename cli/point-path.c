/* See point-path.h. */
#include "cli/point-path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "checkpoint/links.h"

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
	if (point)
		snprintf(path, PATH_MAX, "%s/%s", directory, point->file);
	points_close(&points);
	return rc ? rc : point ? 0 : -ENOENT;
}

int point_path(const char *given, char path[PATH_MAX])
{
	const char *at = strrchr(given, '@');
	char directory[PATH_MAX];
	struct stat facts;

	snprintf(path, PATH_MAX, "%s", given);
	if (point_path_is_directory(given))
		return point_find(given, "latest", path);
	if (!at || !stat(given, &facts))
		return 0;
	snprintf(directory, sizeof(directory), "%.*s", (int)(at - given), given);
	return point_path_is_directory(directory) ? point_find(directory, at + 1, path) : 0;
}
