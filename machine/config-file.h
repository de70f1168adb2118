/* libxl's file of a domain's config: where it is, and how it is written. Inside machine/ only. */
#ifndef MACHINE_CONFIG_FILE_H
#define MACHINE_CONFIG_FILE_H

#include <stddef.h>

#include "machine/config.h"

void config_file_path(char *path, size_t room, uint32_t domain, const char *uuid);
/* As a whole or not at all: libxl may read it at any time. */
int config_file_write(const char *path, const char *text);

#endif
