/*
 * A domain is built by a child process, a program of its own: what it links and maps is what building
 * needs, and it reads no foreign framing, compression or JSON. It maps the domain's memory to write to
 * it, and drops all of that at once by ending; only then may the guest run, for a page that a process may
 * write to can be no page table.
 *
 * Mirror: migrate/sender.h
 */
#ifndef RESTORE_BUILDER_H
#define RESTORE_BUILDER_H

#include <stdatomic.h>

#include "restore/restore.h"

enum { REDIRECT_BYTES = 4096, LOCAL_CONFIG_BYTES = 1 << 18 };

/* Written by the builder, and seen by all processes of the job that were started after built_open(). */
struct built {
	/* But for these, which the one who starts it may write before: as in restore_options. */
	char redirect[REDIRECT_BYTES];
	uint8_t config[LOCAL_CONFIG_BYTES];
	size_t config_bytes;
	int fd; /* in those processes */
	uint32_t domain;
	bool is_created; /* there was a domain, finished or not */
	bool is_there;	 /* there still is, as far as is known */
	uint64_t pfns, frames, proven;
	_Atomic uint64_t pages, pages_wanted; /* so far */
	char name[256];
	char attachments[512]; /* disks and bridges of a domain with devices, for people */
	mfn_t store, console;  /* of an adopted domain: its pages */
	/* How it ended, if it did: 0, or an error and its reason. */
	bool is_over;
	int rc;
	char reason[1024];
};

/* NULL with a reason if there is no memory. */
struct built *built_open(void);
void built_close(struct built *built);

/* 0 and a complete, paused domain, or a failure and none; but see restore_domain() on adopted ones. */
int build_domain(struct built *built, struct channel *from, const struct restore_options *options);

/* The same in steps, the bytes coming through a socket; built and options stay the caller's. */
struct builder;
int builder_start(struct builder **builder, struct built *built, const struct restore_options *options);
/* The caller's end, to be written to, and to be shut down for writing at the end of the image. */
int builder_feed(const struct builder *builder);
/* Readable when there is something for builder_listen(); -1 when the builder has ended, as poll() likes it. */
int builder_watch(const struct builder *builder);
/* Says what the builder has to say. False as soon as it has ended. To be called often: it waits for that. */
bool builder_listen(struct builder *builder);
/* Waits for it: 0 and a complete, paused domain, or the reason why it was not built. Frees the builder. */
int builder_finish(struct builder *builder);
/* Stops whatever the child does; there is no domain then. Frees the builder. */
void builder_abort(struct builder *builder);

/* Takes away what a builder that is gone has built. Clears is_there if that worked. */
void builder_clean_up(struct built *built);

#endif
