/*
 * libxl has fixed paths for what it keeps of domains. A host with devices has folders of its own for them, which
 * its programs see there, in a mount name space.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

static const struct {
	const char *ours, *theirs;
} folders[] = {
	{ "xenstored", "/var/lib/xen" },
	{ "xen-run", "/run/xen" },
	{ "xen-log", "/var/log/xen" },
};

enum { FOLDERS = sizeof(folders) / sizeof(*folders) };

static void folder_path(char *to, size_t size, const char *path, unsigned i)
{
	snprintf(to, size, "%s/%s", path, folders[i].ours);
}

int command_make_folders(const char *path)
{
	char ours[PATH_MAX + 16];

	for (unsigned i = 0; i < FOLDERS; i++) {
		folder_path(ours, sizeof(ours), path, i);
		if (mkdir(ours, 0755) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int command_enter_folders(const char *path)
{
	char ours[PATH_MAX + 16];

	folder_path(ours, sizeof(ours), path, 1);
	if (access(ours, F_OK))
		return 0;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	for (unsigned i = 0; i < FOLDERS; i++) {
		folder_path(ours, sizeof(ours), path, i);
		mkdir(folders[i].theirs, 0755); /* where Xen was never started */
		if (mount(ours, folders[i].theirs, NULL, MS_BIND, NULL))
			return -errno;
	}
	return 0;
}
