/*
 * pvferry merge: from an increment and its parents to one full image of the same state. In: an image with an index; its
 * parents are found beside it. Out: an image under another name. The trap: what is read was written by others, so the
 * merging is done in a process without privileges, and this one only opens and publishes files.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/merging.h"
#include "cli/open-image.h"
#include "cli/parents.h"
#include "cli/point-path.h"
#include "cli/progress.h"
#include "cli/publish.h"
#include "log.h"
#include "process/child.h"
#include "process/confined.h"
#include "stream/merge.h"
#include "stream/writer.h"

struct settings {
	int level;
	unsigned int threads;
	bool force;
	const char *parent;
};

static bool merge_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *settings = context;

	switch (option) {
	case OPTION_LEVEL: settings->level = value->number; break;
	case OPTION_THREADS: settings->threads = value->number; break;
	case OPTION_FORCE: settings->force = true; break;
	case OPTION_PARENT: settings->parent = value->text; break;
	default: break;
	}
	if (option != OPTION_LEVEL || settings->level != LEVEL_PLAIN)
		return true;
	say_wrong("merge makes images, no plain xl save files");
	return false;
}

/* What is read was written by others: that is done without privileges, and what is written is open already. */
struct merging {
	const struct settings *settings;
	struct channel from, to;
	struct parents parents;
	struct publication file;
	struct merge *merge; /* shared with the process that merges */
};

static int merge_images(void *context)
{
	struct merging *m = context;

	m->merge->from = &m->from;
	m->merge->to = &m->to;
	m->merge->level = m->settings->level;
	m->merge->threads = m->settings->threads;
	m->merge->progress = confined_progress;
	return merge_chain(m->merge);
}

static int run_confined(struct merging *m)
{
	int fds[CHAIN_MOST + 1], rc;
	struct confined confined = { .work = merge_images,
				     .context = m,
				     .fd = m->from.fd,
				     .more_fds = fds,
				     .writes_file = true,
				     .shared = m->merge,
				     .threads = m->settings->threads,
				     .progress = progress_show };

	confined.more_count = parents_fds(&m->parents, fds);
	fds[confined.more_count++] = m->file.fd;
	progress_start("merging");
	rc = confined_run(&confined);
	progress_end();
	free(confined.text);
	return rc;
}

static int find_images(struct merging *m, const char *path)
{
	int rc = open_image(&m->from, path);

	if (!rc)
		rc = parents_find(&m->parents, &m->from, m->settings->parent, true);
	if (!rc && !m->parents.chain.count)
		rc = fail(EMEDIUMTYPE, "%s has no index, so there is nothing to merge", m->from.name);
	return rc;
}

static int write_image(struct merging *m, const char *path)
{
	int rc = publication_open(&m->file, path, m->settings->force, false);

	if (!rc)
		rc = channel_init(&m->to, m->file.fd, path);
	if (rc)
		return rc;
	rc = run_confined(m);
	channel_release(&m->to);
	return rc ? rc : publication_commit(&m->file);
}

static void say_done(const struct merging *m, const char *path)
{
	const struct merge *merge = m->merge;
	char text[STATE_TEXT_BYTES];
	struct json_object *json;

	if (!common.json) {
		say(SAY_NOTE, "%s: %u images merged into %s, %.1f MiB; %lu of %lu frames copied as they were",
		    m->from.name, m->parents.chain.count, path, merge->stored_bytes / 1048576.0,
		    merge->copied, merge->frames);
		return;
	}
	json = json_object_new_object();
	json_object_object_add(json, "state", json_object_new_string(state_text(merge->state, text)));
	json_object_object_add(json, "images", json_object_new_int(m->parents.chain.count));
	json_object_object_add(json, "pfns", json_object_new_int64(merge->pfns));
	json_object_object_add(json, "frames-written", json_object_new_int64(merge->frames));
	json_object_object_add(json, "frames-copied", json_object_new_int64(merge->copied));
	json_object_object_add(json, "expanded-bytes", json_object_new_int64(merge->expanded_bytes));
	json_object_object_add(json, "stored-bytes", json_object_new_int64(merge->stored_bytes));
	print_json(json_output(), json, JSON_C_TO_STRING_SPACED);
	json_object_put(json);
}

static int merging_init(struct merging *m, const struct settings *settings)
{
	*m = (struct merging){ .settings = settings,
			       .file = { .fd = -1, .place.directory = -1 },
			       .merge = child_share(sizeof(*m->merge)) };
	return m->merge ? 0 : -ENOMEM;
}

static void end(struct merging *m)
{
	publication_abandon(&m->file);
	parents_close(&m->parents);
	close_image(&m->from);
	child_unshare(m->merge, sizeof(*m->merge));
}

static int merge(const char *from, const char *to, const struct settings *settings)
{
	struct merging m;
	int rc = merging_init(&m, settings);

	if (!rc)
		rc = find_images(&m, from);
	if (!rc)
		rc = write_image(&m, to);
	if (rc)
		rc = say_failure("merge", from, NULL);
	else
		say_done(&m, to);
	end(&m);
	return rc;
}

int merge_newest(const char *from, const char *to, unsigned int files, unsigned int threads)
{
	struct settings settings = { .level = 1, .threads = threads, .force = true };
	struct merging m;
	int rc = merging_init(&m, &settings);

	if (!rc)
		rc = find_images(&m, from);
	if (!rc) {
		m.merge->files = files;
		rc = write_image(&m, to);
	}
	end(&m);
	return rc;
}

int run_merge(const struct command *self, int argc, char **argv)
{
	struct settings settings = { .level = 1, .threads = default_threads() };
	int first = command_options(self, argc, argv, merge_set, &settings);
	char path[PATH_MAX];

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 2) {
		say_wrong("merge takes FILE and OUT");
		return EXIT_USAGE;
	}
	common.json_beside = publication_is_output(argv[first + 1]);
	if (point_path(argv[first], path))
		return say_failure("merge", argv[first], NULL);
	return merge(path, argv[first + 1], &settings);
}
