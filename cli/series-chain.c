/* See series-chain.h. */
#include "cli/series-chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/open-image.h"
#include "cli/parents.h"
#include "log.h"

void series_forget(struct series *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		free(s->chain[i].path);
	s->count = 0;
	s->has_memory = false;
}

int series_add(struct series *s, const char *path)
{
	struct series_file *grown = realloc(s->chain, (s->count + 1) * sizeof(*grown));
	struct stat facts;

	if (!grown)
		return fail(ENOMEM, "out of memory");
	s->chain = grown;
	if (stat(path, &facts))
		return fail_errno("cannot find %s", path);
	grown[s->count] = (struct series_file){ strdup(path), facts.st_dev, facts.st_ino };
	return grown[s->count++].path ? 0 : fail(ENOMEM, "out of memory");
}

/* Each file has to be the one it was: who removes one, or puts another in its place, takes away what the next would need. */
const char *series_missing(const struct series *s)
{
	struct stat facts;

	for (unsigned int i = 0; i < s->count; i++)
		if (stat(s->chain[i].path, &facts) || facts.st_ino != s->chain[i].inode ||
		    facts.st_dev != s->chain[i].device)
			return s->chain[i].path;
	return NULL;
}

static int add_chain(struct series *s, const char *path)
{
	struct parents parents = { .has_index = false };
	struct channel image;
	int rc = open_image(&image, path);

	if (rc)
		return rc;
	rc = parents_find(&parents, &image, NULL, true);
	for (unsigned int i = parents.chain.count; !rc && i-- > 0;)
		rc = series_add(s, parents.chain.files[i].name);
	parents_close(&parents);
	close_image(&image);
	return rc;
}

void series_path(const struct series *s, const char *file, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", s->points.path, file);
}

/* From what another run has left: its newest checkpoint. */
int series_find_newest(struct series *s)
{
	const struct point *newest;
	char path[PATH_MAX];
	int rc = points_read(&s->points);

	newest = points_newest(&s->points);
	if (rc || !newest)
		return rc;
	s->number = newest->name.number;
	series_path(s, newest->file, path);
	if (add_chain(s, path)) {
		say(SAY_WARNING, "%s: the next checkpoint is a full image", fail_reason());
		fail_forget();
		series_forget(s);
	}
	return 0;
}
