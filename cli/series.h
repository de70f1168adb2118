/*
 * Checkpoints of one domain into one directory, one after the other. What was in memory at the last one is kept, so that
 * the next has only what differs; and if that cannot be had any more the next is a full image, and says why.
 */
#ifndef CLI_SERIES_H
#define CLI_SERIES_H

#include "checkpoint/hook.h"
#include "checkpoint/keep.h"
#include "checkpoint/points.h"
#include "cli/draft.h"
#include "cli/follow.h"
#include "journal/checkpointer.h"

struct series_options {
	const char *tag;	 /* NULL: none */
	bool full;		 /* the first is a full image in any case */
	unsigned int full_every; /* so many increments, then a full image */
	bool disks_are_theirs;	 /* the user looks after the disks */
	bool without_devices;
	const char *hook; /* NULL: none */
	struct keep keep; /* empty: all checkpoints stay */
	bool finishes;	  /* a SIGTERM waits until the checkpoint that is being made is complete */
	uint64_t hook_timeout_ms;
	unsigned int max_downtime_ms;
	struct migrate_options migrate;
};

struct series {
	const char *whom; /* as it was given */
	struct series_options *options;
	struct points points;
	struct followed domain;
	struct draft draft;
	uint64_t number; /* of the newest */
	/* The newest and its parents, the full one first: as long as all are there it can be a parent. */
	struct series_file {
		char *path;
		dev_t device;
		ino_t inode;
	} * chain;
	unsigned int count;
	bool has_memory; /* of the newest, in the draft */
	unsigned int taken;
	struct checkpointer told; /* to `pvferry jobs` */
	bool has_ended;		  /* the domain has, and has not come back as one that reboots does */
};

/* The directory is locked, the domain found. Fine to close after a failure. */
int series_open(struct series *series, const char *whom, const char *directory,
		struct series_options *options);
/* One checkpoint: an exit status, with all said. */
int series_take(struct series *series);
/* `pvferry jobs` shows from now on what was made, how often the next has failed, and when it is tried again; due 0: now. */
void series_tell(struct series *series, unsigned int failures, time_t due);
void series_close(struct series *series);

#endif
