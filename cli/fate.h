/* What becomes of a guest that was saved, and waits suspended. */
#ifndef CLI_FATE_H
#define CLI_FATE_H

#include <stdint.h>

enum fate { DESTROY, RUN_ON, STAY_PAUSED };

/* Tries twice: a guest that waits must not be left waiting for one call that failed. */
int fate_settle(uint32_t id, enum fate fate);

/* Of a domain that is kept: says what its image is worth if it has disks to write to. config: libxl's, or NULL. */
void fate_warn(enum fate fate, const char *config, const char *name, const char *path);

#endif
