/* Rounds with checkpoints: a chain grows by one, or the domain goes back to one of its states. See round-parts.h. */
#include "stress/round-parts.h"

#include <stdio.h>

const char *chain_name(unsigned int which, char name[32])
{
	snprintf(name, 32, "c%u.pvf", which);
	return name;
}

static void drop_chain(struct stress *s)
{
	char name[32];

	for (; s->chain_first < s->chain_next; s->chain_first++)
		stress_drop(s, chain_name(s->chain_first, name));
}

/* A full image, then increments; when there are so many of them, all anew. */
int round_checkpoint(struct stress *s, struct round *r, struct draw *draw)
{
	char name[32], parent[PATH_MAX], parent_name[32];
	struct save_how how = { .index = true, .keeps = true };
	int rc;

	if (s->chain_next - s->chain_first == CHAIN_FILES_MOST)
		drop_chain(s);
	how.file = chain_name(s->chain_next, name);
	if (s->chain_next > s->chain_first)
		how.parent = stress_path(s, chain_name(s->chain_next - 1, parent_name), parent);
	rc = round_save(s, r, draw, &how);
	if (!rc)
		s->chain_next++;
	else if (rc == NOT_DONE)
		stress_drop(s, name);
	return rc;
}

/* The newest state is saved first: whatever comes, the domain can be had back. */
int round_rewind(struct stress *s, struct round *r, struct draw *draw)
{
	unsigned int count = s->chain_next - s->chain_first;
	char name[32];

	if (!count)
		return round_checkpoint(s, r, draw);
	return round_save_and_restore(s, r, draw, chain_name(s->chain_first + draw_below(draw, count), name));
}
