/* --keep-*: the same for all commands that have them. */
#ifndef CLI_KEEP_OPTIONS_H
#define CLI_KEEP_OPTIONS_H

#include "checkpoint/keep.h"
#include "text/options.h"

/* False, having said why, if the value is wrong; true for other options, too. */
bool keep_set(struct keep *keep, enum option_id option, const struct option_value *value);

#endif
