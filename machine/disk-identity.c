/*
 * See disk-identity.h. Only names that are the same on each host that has the disk, by whatever path: device mapper's of
 * LVM's volumes (the UUIDs of group and volume) and of multipath's, and the world-wide names naa, eui and uuid of SCSI and
 * NVMe. Not t10 and nvme: those are made of model and serial number, which virtual disks have of their place. Names of
 * different kinds tell nothing: one host may reach a disk by multipath, the other one directly.
 */
#include "machine/disk-identity.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { LINE_BYTES = 256 };

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
