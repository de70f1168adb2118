/*
 * By what two hosts can tell whether a block device is the same disk for both: what LVM, multipath or the disk itself
 * calls it, out of /sys. Not every disk has such a name. And whether domain 0 caches what is on it.
 */
#ifndef MACHINE_DISK_IDENTITY_H
#define MACHINE_DISK_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* "dm:LVM-...", "wwid:naa....", of a partition with ",1" behind it; "" if nothing is known or it has no room. sys: "/sys". */
void disk_identity(const char *sys, dev_t device, char *text, size_t room);

/* Two disks for sure: both have a name of the same kind, and not the same one. */
bool disk_identity_differs(const char *one, const char *other);

/*
 * Does Linux keep pages of it, and serve later reads from them? So it is with files, with the loop devices that show them, and
 * with what device mapper makes of those; blkback reads and writes any other block device past the page cache. facts: of its
 * path; sys: "/sys".
 */
bool disk_is_cached(const char *sys, const struct stat *facts);

#endif
