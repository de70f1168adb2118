/* After a fault: the domain must be to be had again by what pvferry's pages say. See round-parts.h. */
#include "stress/round-parts.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "log.h"

/* A save that is killed has no time to take away what it has written so far. */
static void drop_drafts(const struct stress *s)
{
	DIR *dir = opendir(s->directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] == '.' && strstr(entry->d_name, ".pvf."))
			stress_drop(s, entry->d_name);
	if (dir)
		closedir(dir);
}

/* By what pvferry's pages say to a person who finds the domain so. */
int round_mend(struct stress *s, struct round *r, struct draw *draw)
{
	char path[PATH_MAX];
	int rc = strays_wait();

	if (r->fault == FAULT_KILL)
		drop_drafts(s);
	r->fault = FAULT_NONE; /* it has come: what mends it must succeed */
	if (!rc && r->kind == STRESS_MIGRATE)
		rc = resolve_moves(s, r);
	if (!rc)
		rc = guest_find(s->name, &s->guest);
	if (rc == -ESRCH && round_has_image(s, path))
		return round_restore(s, r, draw, SAVED);
	if (rc == -ESRCH)
		return fail(ESRCH, "the domain is lost: it is not there, and there is no image of it");
	if (!rc && s->guest.is_suspended)
		rc = round_simple(s, r, "resume", s->name);
	else if (!rc && s->guest.is_paused)
		rc = guest_unpause(&s->guest);
	return rc;
}
