/* Lines of the log that strangers can cause: some in ten seconds are said, the others counted. */
#ifndef DAEMON_FLOOD_H
#define DAEMON_FLOOD_H

#include <stdint.h>

#include "log.h"

struct flood {
	uint64_t began_ms;
	unsigned int said, left_out;
};

/* Says it, if fewer than most were said in these ten seconds; and, once, how many were left out before. */
void flood_say(struct flood *flood, uint64_t now_ms, unsigned int most, const char *text);

#endif
