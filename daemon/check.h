/* Is what the settings name usable: the program, the certificates? `pvferryd --check` prints it, a start only warns. */
#ifndef DAEMON_CHECK_H
#define DAEMON_CHECK_H

#include "daemon/settings.h"

/* Prints what is listened on, who may send, and what pvferry says of the certificates; and OK, or 1 after what is wrong. */
int check_print(const struct settings *settings, const char *path);

/* Before the first guest can arrive: a warning if none can, because of the program or the certificates. */
void check_warn(const struct settings *settings);

#endif
