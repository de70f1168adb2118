/*
 * A part of the files of a directory of checkpoints, each by itself: whether its bytes are as they were written. Where each day
 * another of N parts is read, each file is read once in N days.
 */
#ifndef CLI_VERIFY_PART_H
#define CLI_VERIFY_PART_H

#include <stdbool.h>
#include <time.h>

struct part {
	unsigned int number, of; /* from 1; of 0: all is read */
};

/* "3/30", or "30": of so many the one of that day. False, having said why, for any other text. */
bool part_set(struct part *part, const char *text, time_t now);

/* As verify's exit status: 0 sound, 1 something is damaged or lacks a parent, 2 something could not be read. */
int verify_part(const char *directory, const struct part *part);

#endif
