/* The folders of journals and locks, made when they are first needed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/journal.h"
#include "log.h"

int journal_make_folder(const char *folder)
{
	char path[JOURNAL_PATH_ROOM];

	snprintf(path, sizeof(path), "%s", folder);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	if (mkdir(path, 0700) && errno != EEXIST)
		return fail_errno("cannot make the directory %s", path);
	return 0;
}
