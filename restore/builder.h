/*
 * A domain is built by a child process. It maps the domain's memory to write
 * to it, and drops all of that at once by ending; only then may the guest run,
 * for a page that somebody may write to can be no page table.
 */
#ifndef RESTORE_BUILDER_H
#define RESTORE_BUILDER_H

#include "restore/restore.h"

struct built {
	uint32_t domain;
	bool is_created; /* there was a domain, finished or not */
	uint64_t pfns, frames;
	char name[256];
};

/* 0 and a complete, paused domain, or a failure and none. */
int build_domain(struct built *built, struct channel *from, const struct restore_options *options);

#endif
