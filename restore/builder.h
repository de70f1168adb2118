/*
 * A domain is built in a child process. It maps the domain's memory to write
 * to it, and drops all of that at once by ending; only then may the guest run,
 * for a page that somebody may write to can be no page table. And should it
 * die of what it reads, there is somebody left to remove the domain.
 */
#ifndef RESTORE_BUILDER_H
#define RESTORE_BUILDER_H

#include "restore/restore.h"

/* What the child has to tell; written as things come to be. */
struct built {
	uint32_t domain;
	bool is_created;	/* there is a domain, finished or not */
	uint64_t pfns, frames;
	char name[256];
};

/*
 * Builds from a channel. 0 and a complete, paused domain, or -errno and none;
 * the child has then given the reason to say_why(), unless it died, which
 * leaves the reason here.
 */
int build_domain(struct built *built, struct channel *from, const struct restore_options *options,
		 void (*say_why)(void));

#endif
