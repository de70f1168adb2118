/*
 * /etc/pvferry/pvferryd.conf: lines of "name = value", and comments that begin
 * with #. pvferryd(8) tells the names.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include <stdbool.h>

#include "daemon/address.h"

enum { SETTINGS_ADDRESSES = 16, SETTINGS_NAMES = 256 };

struct settings {
	struct address listen[SETTINGS_ADDRESSES];
	unsigned int listen_count;
	char *allow[SETTINGS_NAMES]; /* certificates that may send */
	unsigned int allow_count;
	char *allow_devices; /* patterns of the disks and bridges that it may have; NULL: none */
	char *allow_config; /* what the config of an arriving guest may name of this host, see text/allow.h; NULL: nothing */
	bool is_plain; /* guests arrive without TLS */
	char *pki;     /* NULL: where pvferry looks for it */
	char *pvferry;
	unsigned int max_connections, max_unauthenticated, max_per_address, max_per_second, max_jobs;
	unsigned int handshake_seconds, stop_seconds;
};

/*
 * Reads the file. After -EINVAL and the like the reason names file and line, and
 * there is nothing to release. A file that is not there counts as empty if it need not exist.
 */
int settings_read(struct settings *settings, const char *path, bool must_exist);
void settings_release(struct settings *settings);

#endif
