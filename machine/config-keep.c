/*
 * What libxl is to know of a domain that was built here: written, and removed. config-fetch.c reads it. Without the
 * file xl lists the domain, but cannot save or migrate it. The trap: the file's name has the domain's id and UUID in
 * it, so a domain that gets another UUID needs another file.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "machine/config-file.h"

/* Where libxl keeps what it knows of domains; tests have a folder of their own. */
static const char *folder(void)
{
	const char *own = secure_getenv("PVFERRY_XEN_LIB");

	return own ? own : "/var/lib/xen";
}

void config_file_path(char *path, size_t room, uint32_t domain, const char *uuid)
{
	snprintf(path, room, "%s/userdata-d.%u.%s.libxl-json", folder(), domain, uuid);
}

bool config_has_file(uint32_t domain, const char *uuid, const char *kind)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/userdata-d.%u.%s.%s", folder(), domain, uuid, kind);
	return !access(path, F_OK);
}

/*
 * Under another name first: libxl may read the file at any time, and takes half a file for a broken one. Not synced:
 * after a crash of the host the domain is gone, too.
 */
int config_file_write(const char *path, const char *text)
{
	char temporary[4096 + 8];
	int fd, rc = 0;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno("cannot keep the config: %s", temporary);
	/* With its zero byte, as libxl writes it. */
	if (write(fd, text, strlen(text) + 1) != (ssize_t)strlen(text) + 1)
		rc = fail_errno("cannot keep the config: %s", path);
	if (close(fd) && !rc)
		rc = fail_errno("cannot keep the config: %s", path);
	if (!rc && rename(temporary, path))
		rc = fail_errno("cannot keep the config: %s", path);
	if (rc)
		unlink(temporary);
	return rc;
}

int config_keep(const struct config *config, uint32_t domain)
{
	char path[4096], uuid[37];
	uint8_t bytes[16] = { 0 };

	config_uuid(config, bytes);
	uuid_format(bytes, uuid);
	config_file_path(path, sizeof(path), domain, uuid);
	return config_file_write(path, config_text(config));
}

/* Whatever libxl keeps of the domain, as libxl does when one is destroyed. */
void config_forget(uint32_t domain)
{
	char pattern[4096];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/userdata-?.%u.*", folder(), domain);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}
