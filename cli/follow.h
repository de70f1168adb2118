/*
 * A domain over a longer time: its id changes when it is restored or reboots, its name when it is renamed; its UUID
 * stays.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <stdint.h>

struct followed {
	uint32_t id;
	uint8_t uuid[16];
	char name[256];
	uint64_t most_frames;
};

/* A name or an id. */
int follow_begin(struct followed *domain, const char *name_or_id);
/* The same domain now; says if its id or its name is another. -ESRCH, with a reason: it has ended, or left this host. */
int follow_again(struct followed *domain);

#endif
