/* See pruning.h. */
#include "cli/pruning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/merging.h"
#include "log.h"
#include "process/stop.h"
#include "stream/pipeline.h"

struct work {
	struct points *points;
	struct link *links;
	bool *kept;
	bool is_trial;
	struct hook *hook;
	struct pruned *pruned;
};

/* How many files have to become one: itself, and those that go up to the next that stays. 1: none. 0: up to the full one. */
static unsigned int count_files(const struct work *w, size_t point)
{
	unsigned int files = 1;

	for (long at = w->links[point].parent; at >= 0; at = w->links[at].parent, files++)
		if (w->kept[at])
			return files;
	return files == 1 ? 1 : 0;
}

static void path_of(const struct work *w, size_t point, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", w->points->path, w->points->at[point].file);
}

/* Under its own name: it holds the same state as before, so whatever goes on from it still does. */
static int merge_one(const struct work *w, size_t point, unsigned int files)
{
	char path[PATH_MAX];

	path_of(w, point, path);
	w->pruned->merged++;
	if (w->is_trial) {
		say(SAY_NOTE, "would merge parents that go into %s", path);
		return 0;
	}
	return merge_newest(path, path, files, default_threads());
}

/* What cannot be merged needs what it goes on from, up to the next that stays anyway; the rest is judged all the same. */
static int keep_chain(const struct work *w, size_t point)
{
	say(SAY_WARNING, "%s/%s: cannot be merged, so that its parents stay: %s", w->points->path,
	    w->points->at[point].file, fail_reason());
	fail_forget();
	w->pruned->merged--;
	for (long at = w->links[point].parent; at >= 0 && !w->kept[at]; at = w->links[at].parent)
		w->kept[at] = true;
	return 0;
}

static int merge_all(const struct work *w)
{
	int rc = 0;

	for (size_t i = 0; i < w->points->count && !rc; i++) {
		unsigned int files = w->kept[i] && w->links[i].state == LINK_SOUND ? count_files(w, i) : 1;

		rc = stop_requested();
		if (!rc && files != 1)
			rc = merge_one(w, i, files);
		if (rc == -EBADMSG)
			rc = keep_chain(w, i);
	}
	return rc;
}

static int remove_one(const struct work *w, size_t point)
{
	char path[PATH_MAX];

	path_of(w, point, path);
	w->pruned->removed++;
	if (w->is_trial) {
		say(SAY_NOTE, "would remove %s", path);
		return 0;
	}
	return unlinkat(w->points->directory, w->points->at[point].file, 0)
		     ? fail_errno("cannot remove %s", path)
		     : 0;
}

/* Of the places from first on. What a hook keeps for one may go only after its file cannot come back. */
static void tell_hook(const struct work *w, size_t first)
{
	for (size_t i = first; i < w->points->count; i++) {
		const struct point *point = &w->points->at[i];
		char state[STATE_TEXT_BYTES];

		if (w->kept[i])
			continue;
		w->hook->checkpoint = point->file;
		w->hook->state = state_text(point->head.state, state);
		hook_tell(w->hook, "pruned");
	}
}

/* The newest first: of what goes nothing is left without its parents either. */
static int remove_all(const struct work *w)
{
	size_t first = w->points->count;
	int rc = 0;

	for (size_t i = first; i-- > 0 && !rc;) {
		w->pruned->left += w->kept[i] && w->points->at[i].name.number;
		rc = w->kept[i] ? 0 : stop_requested();
		if (!rc && !w->kept[i])
			rc = remove_one(w, i);
		first = rc ? first : i;
	}
	if (w->is_trial || !w->pruned->removed)
		return rc;
	if (fsync(w->points->directory) && errno != EINVAL)
		return rc ? rc : fail_errno("cannot bring the directory %s to the disk", w->points->path);
	if (w->hook)
		tell_hook(w, first);
	return rc;
}

int prune_points(struct points *points, const struct keep *keep, bool is_trial, struct hook *hook,
		 struct pruned *pruned)
{
	struct work w = { .points = points, .is_trial = is_trial, .hook = hook, .pruned = pruned };
	int rc = points_read(points);

	*pruned = (struct pruned){ 0 };
	if (!rc)
		rc = points_check(points);
	if (!rc)
		w.links = points_link(points);
	w.kept = calloc(points->count + 1, sizeof(*w.kept));
	if (!rc && (!w.links || !w.kept))
		rc = fail(ENOMEM, "out of memory");
	if (!rc)
		keep_choose(keep, points, w.links, w.kept);
	if (!rc)
		rc = merge_all(&w);
	if (!rc)
		rc = remove_all(&w);
	free(w.links);
	free(w.kept);
	return rc;
}
