/*
 * The memory of a guest that runs, in rounds { snapshot of the p2m; collect what is
 * dirty; send it; how long would it have to stop now? }. When it has stopped,
 * all of it goes once more as the last snapshot has it, and beside that a new one
 * shows what is another page by now, for a last pass.
 *
 * A page that is a table is sent once while the guest runs, so that the other
 * side has a frame for it, and always again at the end; what cannot be sent
 * now (a table with a foreign entry, a frame just given away) is left for
 * later, and at the end there is no later.
 */
#ifndef MIGRATE_PRECOPY_H
#define MIGRATE_PRECOPY_H

#include "migrate/migrate.h"

struct precopy;

/* After the first snapshot. */
int precopy_begin(struct migration *migration);
/* Until the policy says that the guest is to be stopped; -ETIME if it says to give up. */
int precopy_rounds(struct migration *migration);
/* With the guest stopped: all that is not yet as it is now. */
int precopy_last(struct migration *migration);
/* Ends, failed or not, for the reason why if that is not 0; the failure there was. */
int precopy_end(struct migration *migration, int why);

#endif
