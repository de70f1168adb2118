/*
 * What libxl has no words for: /etc/pvferry/helper.conf, and what the variable
 * PVFERRY_HELPER says otherwise. A line, or a word of the variable, is
 * KEY = VALUE; from # on a line is a comment.
 */
#ifndef HELPER_SETTINGS_H
#define HELPER_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "migrate/live.h"

struct settings {
	unsigned int max_downtime_ms, max_rounds, threads;
	unsigned int max_suspended_seconds; /* 0: no limit */
	uint64_t bandwidth_bytes;	    /* a second; 0: no limit */
	enum dirty_tracking tracking;
	bool ignores_cpu;	     /* restores on a host that lacks CPU features the guest was shown */
	char stock_helper[PATH_MAX]; /* "": to be looked for */
};

/*
 * Never fails: what cannot be understood is said, with its place, and left
 * out. path may name no file.
 */
void settings_read(struct settings *settings, const char *path, const char *variable);

#endif
