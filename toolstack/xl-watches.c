/*
 * Does xl itself watch the domain? xl leaves behind a process that says what it does in /var/log/xen/xl-NAME.log.
 *
 * Up to Xen 4.19 it ends when it sees its domain suspended. But it looks for itself, some time after, and may find that
 * the domain runs again: then it stays. So whether it is there is asked when there is something to do.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "toolstack/watch.h"

static bool is_xl(const char *pid)
{
	char path[280], name[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		*name = '\0';
	fclose(file);
	return !strcmp(name, "xl\n");
}

/* The file, not its name: a name means what it does in the process's own mount name space. */
static bool writes_to(const char *pid, const struct stat *log)
{
	char path[280];
	struct stat out;

	snprintf(path, sizeof(path), "/proc/%s/fd/1", pid);
	return !stat(path, &out) && out.st_dev == log->st_dev && out.st_ino == log->st_ino;
}

bool watcher_is_xl(const struct watcher *w)
{
	char path[sizeof(w->name) + 32];
	struct dirent *entry;
	struct stat log;
	bool found = false;
	DIR *processes;

	snprintf(path, sizeof(path), "/var/log/xen/xl-%s.log", w->name);
	if (stat(path, &log))
		return false;
	processes = opendir("/proc");
	while (processes && !found && (entry = readdir(processes)))
		found = isdigit((unsigned char)*entry->d_name) && is_xl(entry->d_name) &&
			writes_to(entry->d_name, &log);
	if (processes)
		closedir(processes);
	return found;
}
