/* FILE as a person types it: a file, or a checkpoint in a directory: DIR, DIR@17, DIR@latest, DIR@TAG, DIR@TIME. */
#ifndef CLI_POINT_PATH_H
#define CLI_POINT_PATH_H

#include <limits.h>
#include <stdbool.h>

/*
 * The file that is meant, in path. What is there under that very name, or is neither, stays as it is: the command that opens it says
 * what is wrong. A directory alone is its newest checkpoint.
 */
int point_path(const char *given, char path[PATH_MAX]);
/* A directory, and no checkpoint of it is named. */
bool point_path_is_directory(const char *given);

/*
 * After a restore of what was given has failed: "@1 is the newest other ...", as far as the indexes tell; NULL if it
 * was no checkpoint of a directory, or there is no other. Lent until the next call. The reason of the failure stays.
 */
const char *point_path_other(const char *given, const char *path);

#endif
