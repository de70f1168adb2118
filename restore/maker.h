/*
 * Beside the builder, in the process that starts both: has pvferry-toolstack make the domain that the builder asks
 * for, if the guest has devices.
 */
#ifndef RESTORE_MAKER_H
#define RESTORE_MAKER_H

#include "machine/toolstack.h"
#include "restore/builder.h"

struct maker {
	struct domain_maker maker; /* for restore_options */
	struct toolstack toolstack;
	bool is_heard; /* how the devices ended: 0, or the failure with its reason */
	int rc;
	char reason[1024];
	struct built *built;
};

/* built: the caller's, of the same builder. */
void maker_init(struct maker *maker, struct built *built);
/* Was there such a domain to make? */
bool maker_is_used(const struct maker *maker);
/*
 * After the builder, which ended with rc. 0: the domain is complete, with all its devices, and paused; else it is gone,
 * and the reason is the first one's. maker_release() is due in any case.
 */
int maker_finish(struct maker *maker, int rc);
/* After a failure the domain is gone. */
int maker_run(struct maker *maker, bool paused);
void maker_release(struct maker *maker);

#endif
