/* See disks.h. Memory that is older than the disks, or newer, destroys the file systems on them. */
#include "cli/disks.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"
#include "machine/config.h"

/* Only the end of qemu, or a migration, empties its caches: no hook can ask it to, so that its snapshots would be torn. */
static int check_snapshots(const char *config)
{
	char *cached = config_cached_disks(config);
	int rc = 0;

	if (!cached)
		rc = fail(ENOMEM, "out of memory");
	else if (*cached)
		rc = fail(EOPNOTSUPP,
			  "a snapshot of its disks %s would lack what qemu holds in its memory of them: give "
			  "it raw "
			  "disks, or stop it first (\"pvferry save\") and copy them then; --disks ours says "
			  "that "
			  "you look after them",
			  cached);
	free(cached);
	return rc;
}

int check_disks(const struct series_options *options, const char *config)
{
	if (options->disks_are_theirs || !config)
		return 0;
	if (options->hook)
		return check_snapshots(config);
	if (!config_writes_disks(config))
		return 0;
	return fail(EOPNOTSUPP,
		    "it has disks that it may write to, and its memory is worth nothing without the "
		    "disks as they were at the same moment: --hook names a program that makes "
		    "snapshots of them, --disks ours says that you look after them");
}
