/* See stock.h. Where it was diverted with dpkg-divert, it has Debian's name for what was diverted. */
#include "helper/stock.h"

#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "version.h"

/* What stands in its place may be this program. */
static bool is_another(const char *path)
{
	struct stat self, other;

	if (stat(path, &other) || access(path, X_OK))
		return false;
	return stat("/proc/self/exe", &self) || self.st_dev != other.st_dev || self.st_ino != other.st_ino;
}

static void become(const char *path, char **argv)
{
	if (is_another(path))
		execv(path, argv);
}

/* The last one of them is the newest Xen's, as long as versions have two digits. */
static void become_one_of(const char *pattern, char **argv)
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = found.gl_pathc; i-- > 0;)
		become(found.gl_pathv[i], argv);
	globfree(&found);
}

int stock_exec(const char *configured, char **argv)
{
	if (*configured) {
		become(configured, argv);
		return fail(ENOENT, "stock-helper is %s, which is not another program that can be run",
			    configured);
	}
	become("/usr/lib/xen-" BUILT_FOR_XEN "/bin/libxl-save-helper.distrib", argv);
	become("/usr/lib/xen-" BUILT_FOR_XEN "/bin/libxl-save-helper", argv);
	become_one_of("/usr/lib/xen-*/bin/libxl-save-helper.distrib", argv);
	become_one_of("/usr/lib/xen-*/bin/libxl-save-helper", argv);
	return fail(ENOENT, "this is for Xen's own libxl-save-helper, which is not found: "
			    "set stock-helper in helper.conf to its path");
}
