/* The end of each command's job, counted for `pvferry metrics`: journal/tally.h. */
#ifndef CLI_ENDED_H
#define CLI_ENDED_H

#include "migrate/handover.h"
#include "restore/builder.h"
#include "restore/handover.h"

void ended_move(const struct move_status *status, enum moved moved, uint64_t began_ns);
/* Of what came to this host; questions and further connections do not count, nor who was not let in. */
void ended_take(const struct take_status *status, int error, uint64_t began_ns);
/* status: the command's exit status. */
void ended_save(const struct sent *sent, int status, uint64_t began_ns);
void ended_restore(int status, uint64_t began_ns);

#endif
