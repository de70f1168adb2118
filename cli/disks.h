/* Whether the disks of a domain can belong to a checkpoint of its memory. */
#ifndef CLI_DISKS_H
#define CLI_DISKS_H

#include "cli/series.h"

/* config: libxl's, or NULL. */
int check_disks(const struct series_options *options, const char *config);

#endif
