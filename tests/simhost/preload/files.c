/*
 * The two files of /proc/xen that xenstored reads stand in the host's directory.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.h"

static const char *redirected(const char *path, char *buffer, size_t size)
{
	struct host *host;

	if (strncmp(path, "/proc/xen/", 10))
		return path;
	host = process_host();
	if (!host)
		return path;
	snprintf(buffer, size, "%s/%s", host->path, path + 10);
	return buffer;
}

static int open_redirected(const char *path, int flags, va_list list)
{
	int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, int) : 0;
	char buffer[PATH_MAX + 64];

	return syscall(SYS_openat, AT_FDCWD, redirected(path, buffer, sizeof(buffer)), flags, mode);
}

EXPORT int open(const char *path, int flags, ...)
{
	va_list list;
	int fd;

	va_start(list, flags);
	fd = open_redirected(path, flags, list);
	va_end(list);
	return fd;
}

EXPORT int open64(const char *path, int flags, ...)
{
	va_list list;
	int fd;

	va_start(list, flags);
	fd = open_redirected(path, flags | O_LARGEFILE, list);
	va_end(list);
	return fd;
}
