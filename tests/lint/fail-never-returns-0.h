/* Included before each file that the analyser looks at, which cannot see into log.c: whoever fails does not go on. */
#ifndef FAIL_NEVER_RETURNS_0_H
#define FAIL_NEVER_RETURNS_0_H

#include <errno.h>

#include "log.h"

#define fail(error, ...) (fail(error, __VA_ARGS__), (error) ? -(error) : -EIO)
#define fail_errno(...)	 (fail_errno(__VA_ARGS__), -EIO)

#endif
