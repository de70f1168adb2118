/* What a round was like, as the policy and people want to know it. */
#ifndef MIGRATE_MEASURE_H
#define MIGRATE_MEASURE_H

#include "migrate/precopy-policy.h"
#include "migrate/send-changed.h"

/* After a round that took so long and made so many bytes of the stream; round is what was known after the one before. */
void measure_round(struct migration *migration, struct precopy_round *round, uint64_t took_ns,
		   uint64_t bytes);

/* Before any round, with all mapped: does so little differ from the parent that the guest may be stopped at once? */
bool measure_increment(struct migration *migration);

#endif
