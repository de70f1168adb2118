/* What pvferry merge does, for other commands. */
#ifndef CLI_MERGING_H
#define CLI_MERGING_H

/*
 * The image and its parents, or only so many of the newest of them (0: all), become one in the file `to`, which is replaced as a
 * whole if it is there: it may be one of them. Nothing is said but the reason of a failure.
 */
int merge_newest(const char *from, const char *to, unsigned int files, unsigned int threads);

#endif
