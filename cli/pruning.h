/*
 * Removes checkpoints so that all others can be restored as before, and at each moment in between: first each that stays, and
 * leans on some that go, is merged with those under its own name; only then these are removed.
 */
#ifndef CLI_PRUNING_H
#define CLI_PRUNING_H

#include "checkpoint/hook.h"
#include "checkpoint/keep.h"

struct pruned {
	unsigned int removed, merged, left;
};

/*
 * Of points that are locked. is_trial: says what it would do. The hook, if there is one, is told of each that is gone for good.
 * A failure leaves what is still to be done to the next time.
 */
int prune_points(struct points *points, const struct keep *keep, bool is_trial, struct hook *hook,
		 struct pruned *pruned);

#endif
