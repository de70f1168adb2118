/*
 * Watchers from the side of those who start them. A watcher carries out the on_* settings of a domain's config, and
 * is there for as long as the domain: toolstack/watch.c.
 *
 * Functions return 0 or -errno with a reason. That a domain is not watched is no failure of what was done with it.
 */
#ifndef MACHINE_WATCH_H
#define MACHINE_WATCH_H

#include "journal/watch.h"
#include "xen/domain.h"

/* Not on hosts of tests that have no libxl. */
bool watch_is_wanted(void);

/*
 * Of a domain that has just been made, and runs. boots: at a restart the config's kernel, ramdisk or bootloader may run
 * in domain 0.
 */
int watch_start(uint32_t id, bool boots);
/*
 * Of a domain that was suspended and was to run on: xl's daemon of Xen 4.19 and before ends when its domain is
 * suspended. Does nothing where a watcher of ours is there, where Xen is newer, where no xl has ever watched (libvirt does
 * it itself), or if the domain is gone. Says why it could not. Never call it of a domain that may not have been suspended:
 * xl's daemon would be there, too.
 */
void watch_resumed(uint32_t id);
/* Of all whose watcher has died. Those that are gone are forgotten. */
void watch_recover(void);

#endif
