/* What the next checkpoint of a series can go on from: the newest, as long as its file and those of its parents are there. */
#ifndef CLI_SERIES_CHAIN_H
#define CLI_SERIES_CHAIN_H

#include <limits.h>

#include "cli/series.h"

/* Nothing: the next is a full image. */
void series_forget(struct series *series);
/* The file was written, and goes on from those before. */
int series_add(struct series *series, const char *path);
/* The path of one that is not there any more, or is another file now; NULL: all are there. */
const char *series_missing(const struct series *series);
/* From what is in the directory: its newest checkpoint. Where that cannot be a parent a warning says why. */
int series_find_newest(struct series *series);
void series_path(const struct series *series, const char *file, char path[PATH_MAX]);

#endif
