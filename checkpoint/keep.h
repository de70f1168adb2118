/* Which checkpoints stay: rules in restic's words. Pure. */
#ifndef CHECKPOINT_KEEP_H
#define CHECKPOINT_KEEP_H

#include "checkpoint/links.h"

struct keep {
	unsigned int last;	    /* the newest */
	unsigned int hourly, daily; /* of so many hours and days of UTC that have any, the newest each */
	uint64_t within_ms;	    /* all that are at most so much older than the newest */
};

bool keep_is_empty(const struct keep *keep);

/*
 * Sets kept[] for each point: what a rule keeps, and also the newest that can be restored, what has a tag, and what is not for us to
 * judge: it is damaged, or lacks a parent, or is not called as a checkpoint.
 */
void keep_choose(const struct keep *keep, const struct points *points, const struct link *links, bool *kept);

#endif
