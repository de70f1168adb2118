/*
 * See disk-identity.h. Only names that are the same on each host that has the disk, by whatever path: device mapper's of
 * LVM's volumes (the UUIDs of group and volume) and of multipath's, and the world-wide names naa, eui and uuid of SCSI and
 * NVMe. Not t10 and nvme: those are made of model and serial number, which virtual disks have of their place. Names of
 * different kinds tell nothing: one host may reach a disk by multipath, the other one directly.
 */
#include "machine/disk-identity.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { LINE_BYTES = 256, LOOP_MAJOR = 7 }; /* the latter of Linux' devices.txt */

/* The first line, without its end. False if there is no such file, or nothing in it. */
static bool read_line(char line[LINE_BYTES], const char *sys, dev_t device, const char *name)
{
	char path[512];
	FILE *file;
	bool is;

	snprintf(path, sizeof(path), "%s/dev/block/%u:%u/%s", sys, major(device), minor(device), name);
	file = fopen(path, "re");
	if (!file)
		return false;
	is = fgets(line, LINE_BYTES, file);
	fclose(file);
	if (is)
		line[strcspn(line, "\n")] = '\0';
	return is && *line;
}

static bool begins(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strncmp(text, *words, strlen(*words)))
			return true;
	return false;
}

static bool is_mapped(char line[LINE_BYTES], const char *sys, dev_t device)
{
	static const char *const known[] = { "LVM-", "mpath-", NULL };

	return read_line(line, sys, device, "dm/uuid") && begins(line, known);
}

/* SCSI has it one directory below NVMe. */
static bool has_wwid(char line[LINE_BYTES], const char *sys, dev_t device, const char *const *places)
{
	static const char *const known[] = { "naa.", "eui.", "uuid.", NULL };

	for (; *places; places++)
		if (read_line(line, sys, device, *places))
			return begins(line, known);
	return false;
}

/* What does not fit whole is no name. */
static void put(char *text, size_t room, const char *kind, const char *name, const char *partition)
{
	int length = snprintf(text, room, "%s:%s%s%s", kind, name, *partition ? "," : "", partition);

	if (length < 0 || (size_t)length >= room)
		*text = '\0';
}

void disk_identity(const char *sys, dev_t device, char *text, size_t room)
{
	static const char *const whole[] = { "device/wwid", "wwid", NULL };
	static const char *const of_partition[] = { "../device/wwid", "../wwid", NULL };
	char line[LINE_BYTES], partition[LINE_BYTES] = "";

	*text = '\0';
	read_line(partition, sys, device, "partition");
	if (is_mapped(line, sys, device))
		put(text, room, "dm", line, "");
	else if (has_wwid(line, sys, device, *partition ? of_partition : whole))
		put(text, room, "wwid", line, partition);
}

/* "dm:LVM", "wwid:naa". */
static size_t kind_length(const char *identity)
{
	const char *colon = strchr(identity, ':');

	return colon ? colon - identity + 1 + strcspn(colon + 1, "-.") : 0;
}

bool disk_identity_differs(const char *one, const char *other)
{
	size_t length = kind_length(one);

	return length && length == kind_length(other) && !strncmp(one, other, length) && strcmp(one, other);
}

static bool has_loop(const char *device)
{
	char path[PATH_MAX + sizeof("/loop")];

	snprintf(path, sizeof(path), "%s/loop", device);
	return !access(path, F_OK);
}

/* sysfs has "loop" in a loop device's directory, a partition's directory in its disk's, and in "slaves" what one is made of. */
static bool is_on_loop(const char *device, unsigned int depth)
{
	enum { DEPTH_MOST = 8 };
	char path[PATH_MAX];
	struct dirent *entry;
	bool is;
	DIR *slaves;

	snprintf(path, sizeof(path), "%s/..", device);
	is = has_loop(device) || has_loop(path);
	snprintf(path, sizeof(path), "%s/slaves", device);
	slaves = is || depth == DEPTH_MOST ? NULL : opendir(path);
	while (slaves && !is && (entry = readdir(slaves))) {
		snprintf(path, sizeof(path), "%s/slaves/%s", device, entry->d_name);
		is = *entry->d_name != '.' && is_on_loop(path, depth + 1);
	}
	if (slaves)
		closedir(slaves);
	return is;
}

bool disk_is_cached(const char *sys, const struct stat *facts)
{
	char device[512];

	if (!S_ISBLK(facts->st_mode))
		return S_ISREG(facts->st_mode);
	snprintf(device, sizeof(device), "%s/dev/block/%u:%u", sys, major(facts->st_rdev),
		 minor(facts->st_rdev));
	return major(facts->st_rdev) == LOOP_MAJOR || is_on_loop(device, 0);
}
