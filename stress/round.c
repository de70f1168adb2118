/*
 * See round.h. A command that no fault came over must succeed. One that was killed, cut, or had no room may fail: then
 * the domain must be to be had again by what pvferry's pages say, and nothing may be left.
 */
#include "stress/round-parts.h"

#include <stdio.h>
#include <unistd.h>

const char *stress_path(const struct stress *s, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", s->directory, name);
	return path;
}

bool round_has_image(const struct stress *s, char path[PATH_MAX])
{
	return !access(stress_path(s, SAVED, path), F_OK);
}

void stress_drop(const struct stress *s, const char *name)
{
	char path[PATH_MAX];

	unlink(stress_path(s, name, path));
}

static int act(struct stress *s, struct round *r, struct draw *draw)
{
	switch (r->kind) {
	case STRESS_SAVE: return round_save_and_restore(s, r, draw, SAVED);
	case STRESS_COPY: return round_copy(s, r, draw);
	case STRESS_CHECKPOINT: return round_checkpoint(s, r, draw);
	case STRESS_REWIND: return round_rewind(s, r, draw);
	default: return round_migrate(s, r, draw);
	}
}

void round_draw(struct stress *s, struct round *r, struct draw *draw)
{
	const struct stress_options *o = s->options;
	unsigned int weights[FAULTS + 1] = { 0 };

	r->kind = draw_weighted(draw, o->weights, STRESS_KINDS);
	for (unsigned int i = 0; i < FAULTS; i++)
		weights[i] = o->faults >> i & 1;
	if (r->kind == STRESS_MIGRATE)
		weights[FAULT_FULL] = 0; /* it writes no file */
	else
		weights[FAULT_CUT] = 0;
	weights[FAULT_NONE] = 1;
	r->fault = draw_weighted(draw, weights, FAULTS + 1);
	r->is_on_second = (r->kind == STRESS_SAVE || r->kind == STRESS_REWIND) && r->fault != FAULT_FULL &&
			  draw_below(draw, 2);
}

int round_run(struct stress *s, struct round *r, struct draw *draw)
{
	enum stress_fault fault = r->fault;
	int rc = act(s, r, draw);

	if (rc == NOT_DONE)
		rc = round_mend(s, r, draw);
	r->fault = fault;
	if (rc)
		return rc;
	rc = guest_wait_running(s->name, &s->guest);
	if (!rc) /* it runs: the image is not needed any more */
		stress_drop(s, SAVED);
	return rc ? rc : round_check(s);
}
