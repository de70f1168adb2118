/* A config as people write it for xl. */
#ifndef CLI_XL_CONFIG_H
#define CLI_XL_CONFIG_H

#include "stream/bytes.h"

/*
 * What "xl create" would make of the file, as config-flat.h has it: xl itself reads it ("xl create --dryrun"), for the
 * meaning of its keys is xl's, and changes with Xen. The caller releases flat.
 */
int xl_config_read(const char *path, struct bytes *flat);

#endif
