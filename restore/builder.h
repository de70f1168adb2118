/*
 * A domain is built by a child process. It maps the domain's memory to write
 * to it, and drops all of that at once by ending; only then may the guest run,
 * for a page that somebody may write to can be no page table.
 *
 * Mirror: migrate/sender.h
 */
#ifndef RESTORE_BUILDER_H
#define RESTORE_BUILDER_H

#include "restore/restore.h"

struct built {
	uint32_t domain;
	bool is_created; /* there was a domain, finished or not */
	bool is_there;	 /* there still is, as far as is known */
	uint64_t pfns, frames;
	char name[256];
	mfn_t store, console; /* of an adopted domain: its pages */
};

/* 0 and a complete, paused domain, or a failure and none; but see restore_domain() on adopted ones. */
int build_domain(struct built *built, struct channel *from, const struct restore_options *options);

/* The same in steps, the bytes coming through a socket; built is shared memory, options stay the caller's. */
struct builder;
int builder_start(struct builder **builder, struct built *built, const struct restore_options *options);
/* The caller's end, to be written to, and to be shut down for writing at the end of the image. */
int builder_feed(const struct builder *builder);
/* Readable as soon as the child has ended. */
int builder_watch(const struct builder *builder);
/* Waits for it: 0 and a complete, paused domain, or why there is none. Frees the builder. */
int builder_finish(struct builder *builder);
/* Stops whatever the child does; there is no domain then. Frees the builder. */
void builder_abort(struct builder *builder);

/* Takes away what somebody who is gone has built. Clears is_there if that worked. */
void builder_clean_up(struct built *built);

#endif
