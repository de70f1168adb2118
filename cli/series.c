/* See series.h. */
#include "cli/series.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/disks.h"
#include "cli/pruning.h"
#include "cli/saved.h"
#include "cli/saving.h"
#include "cli/series-chain.h"
#include "log.h"
#include "machine/config.h"
#include "migrate/digest.h"
#include "process/child.h"
#include "process/stop.h"

/* --- one checkpoint ------------------------------------------------------------------- */

static bool is_full(struct series *s)
{
	const char *missing = series_missing(s);

	if (missing)
		say(SAY_WARNING, "%s is gone: this checkpoint is a full image", missing);
	if (missing || !s->count || s->count > s->options->full_every || (s->options->full && !s->taken))
		series_forget(s);
	return !s->count;
}

static int open_draft(struct series *s)
{
	struct migrate_options *migrate = &s->options->migrate;
	/* A guest may be given more memory at any time. */
	uint64_t pfns = s->domain.most_frames + s->domain.most_frames / 8 + 4096;
	int rc = 1;

	if (s->draft.parent_head.pfns > pfns)
		pfns = s->draft.parent_head.pfns;
	if (is_full(s))
		rc = draft_open(&s->draft, migrate, NULL);
	else if (s->has_memory)
		rc = draft_open_next(&s->draft, migrate);
	else
		rc = draft_open(&s->draft, migrate, s->chain[s->count - 1].path);
	if (rc && s->count && !stop_requested()) {
		say(SAY_WARNING, "%s: this checkpoint is a full image", fail_reason());
		fail_forget();
		series_forget(s);
		rc = draft_open(&s->draft, migrate, NULL);
	}
	return rc ? rc : draft_keep(&s->draft, pfns);
}

/* All that belongs to one, until it is said. */
struct taking {
	struct saving saving;
	struct point_name name;
	char file[POINT_NAME_BYTES], path[PATH_MAX];
	struct moment moment;
	struct hook hook;
	char state[STATE_TEXT_BYTES], uuid[37], *disks;
};

static int open_file(struct series *s, struct taking *t)
{
	t->name = (struct point_name){ .number = s->number + 1, .time = time(NULL) };
	snprintf(t->name.tag, sizeof(t->name.tag), "%s", s->options->tag ? s->options->tag : "");
	point_name_format(&t->name, t->file);
	/* Behind the highest number that a name can have no checkpoint would be found again. */
	if (!point_name_parse(t->file, &t->name))
		return fail(EOVERFLOW, "%s has a checkpoint with the highest number there can be",
			    s->points.path);
	series_path(s, t->file, t->path);
	return publication_open(&t->saving.file, t->path, false, false);
}

static struct hook *hook_of(struct moment *moment)
{
	return &((struct taking *)((char *)moment - offsetof(struct taking, moment)))->hook;
}

static int begin_hook(struct moment *moment)
{
	return hook_begin(hook_of(moment), "stopped");
}

static int await_hook(struct moment *moment)
{
	return hook_await(hook_of(moment));
}

static void cancel_hook(struct moment *moment)
{
	hook_cancel(hook_of(moment));
}

/* The hook runs in the process that has stopped the guest. */
static int prepare_hook(struct series *s, struct taking *t)
{
	if (!s->options->hook)
		return 0;
	t->disks = t->saving.config ? config_written_disks(t->saving.config) : strdup("");
	if (!t->disks)
		return fail(ENOMEM, "out of memory");
	uuid_format(s->domain.uuid, t->uuid);
	t->hook = (struct hook){ .program = s->options->hook,
				 .timeout_ms = s->options->hook_timeout_ms,
				 .domain = s->domain.name,
				 .domid = s->domain.id,
				 .uuid = t->uuid,
				 .directory = s->points.path,
				 .checkpoint = t->file,
				 .state = state_text(s->draft.index.head.state, t->state),
				 .disks = t->disks };
	t->moment = (struct moment){ begin_hook, await_hook, cancel_hook };
	s->options->migrate.moment = &t->moment;
	return 0;
}

static int taking_begin(struct series *s, struct taking *t)
{
	struct live *live = s->options->migrate.live;
	char id[16];
	int rc;

	memset(live, 0, sizeof(*live));
	live->max_downtime_ms = s->options->max_downtime_ms;
	snprintf(id, sizeof(id), "%u", s->domain.id);
	rc = saving_prepare(&t->saving, id);
	if (!rc)
		rc = check_disks(s->options, t->saving.config);
	if (!rc)
		rc = open_draft(s);
	if (!rc)
		rc = open_file(s, t);
	return rc ? rc : prepare_hook(s, t);
}

static void say_point(const struct series *s, const struct taking *t)
{
	const struct saving *saving = &t->saving;
	const struct sent *sent = &saving->shared->sent;
	struct json_object *json;
	char stop[STOP_TEXT_BYTES];

	if (!common.json) {
		saved_stop_text(stop, sent, saving->began_ns);
		say(SAY_NOTE, "%s: checkpoint %lu, %s, %.1f MiB, %s", sent->name, t->name.number,
		    s->count > 1 ? "an increment" : "a full image", sent->figures.stored_bytes / 1048576.0,
		    stop);
		return;
	}
	json = saved_json(sent, &s->draft.index, saving->began_ns);
	json_object_object_add(json, "event", json_object_new_string("checkpoint"));
	json_object_object_add(json, "number", json_object_new_int64(t->name.number));
	json_object_object_add(json, "file", json_object_new_string(saving->file.path));
	json_object_object_add(json, "words", json_object_new_int64(sent->index.words));
	json_object_object_add(json, "pages", json_object_new_int64(sent->index.pages));
	print_json(stdout, json, JSON_C_TO_STRING_PLAIN);
	fflush(stdout);
	json_object_put(json);
}

/* It is on the disk: the next goes on from it. */
static void advance(struct series *s, const struct taking *t)
{
	const struct sent *sent = &t->saving.shared->sent;

	s->number = s->told.number = t->name.number;
	s->told.time = t->name.time;
	s->told.stopped_ms = saved_stopped_ms(sent, t->saving.began_ns);
	snprintf(s->told.file, sizeof(s->told.file), "%s", t->file);
	s->has_memory = draft_step(&s->draft, &sent->index);
	if (!series_add(s, t->saving.file.path))
		return;
	fail_forget();
	series_forget(s);
}

/*
 * Files of the chain may be replaced, or have gone: what can be the parent of the next is looked for again. What the newest
 * holds is as it was, and is still in the memory.
 */
static void prune(struct series *s, struct hook *hook)
{
	bool had_memory = s->has_memory;
	struct pruned pruned;

	if (prune_points(&s->points, &s->options->keep, false, hook->program ? hook : NULL, &pruned)) {
		say(SAY_WARNING, "%s: checkpoints that should go are still there", fail_reason());
		fail_forget();
	}
	if (!pruned.merged && !pruned.removed)
		return;
	series_forget(s);
	if (!series_find_newest(s))
		s->has_memory = had_memory && s->count;
	fail_forget();
}

static int series_take_one(struct series *s)
{
	struct taking t = { .saving = { .command = "checkpoint",
					.whom = s->whom,
					.fate = RUN_ON,
					.without_devices = s->options->without_devices,
					.options = &s->options->migrate } };
	bool was_stopped;
	int rc;

	if (s->options->finishes)
		stop_hold();
	rc = taking_begin(s, &t);
	rc = rc ? say_failure("checkpoint", s->whom, NULL) : saving_run(&t.saving);
	stop_release();
	if (t.saving.is_published)
		advance(s, &t);
	if (rc == EXIT_DONE)
		say_point(s, &t);
	s->has_ended = t.saving.shared && t.saving.shared->sent.has_ended;
	was_stopped = t.saving.shared && t.saving.shared->sent.figures.stopped_at_ns;
	/* What follows may take long, and the domain is free for others meanwhile. */
	saving_close(&t.saving, rc);
	/* Where the guest was stopped the hook has begun, and is told what became of it. */
	if (was_stopped)
		hook_tell(&t.hook, t.saving.is_published ? "done" : "failed");
	/* After a signal that waited until now, the next run prunes. */
	if (rc == EXIT_DONE && !keep_is_empty(&s->options->keep) && !stop_requested())
		prune(s, &t.hook);
	free(t.disks);
	return rc;
}

/* A domain that reboots is gone, or shut down, until its toolstack has made it again: it has ended if that does not come. */
static int domain_follow(struct series *s)
{
	enum { GRACE_MS = 10000, NAP_MS = 250 };
	uint64_t until_ns = now_ns() + GRACE_MS * 1000000ULL;
	int rc;

	while ((rc = follow_again(&s->domain)) == -ESRCH && now_ns() < until_ns) {
		fail_forget();
		rc = stop_wait(NAP_MS);
		if (rc)
			return rc;
	}
	return rc;
}

static void note_end(struct series *s, int rc)
{
	s->has_ended = rc == -ESRCH;
	if (s->has_ended)
		say(SAY_NOTE, "%s: %s: no more checkpoints of it", s->whom, fail_reason());
	fail_forget();
}

int series_take(struct series *s)
{
	int rc;

	fail_forget();
	rc = s->taken ? domain_follow(s) : 0;
	if (rc && stop_requested())
		return EXIT_DONE;
	if (rc && rc != -ESRCH)
		return say_failure("checkpoint", s->whom, NULL);
	note_end(s, rc);
	if (s->has_ended)
		return EXIT_DONE;
	rc = series_take_one(s);
	s->taken += rc == EXIT_DONE;
	if (s->has_ended && s->taken) {
		fail_forget();
		note_end(s, domain_follow(s));
	}
	return rc;
}

int series_open(struct series *s, const char *whom, const char *directory, struct series_options *options)
{
	int rc;

	*s = (struct series){ .whom = whom,
			      .options = options,
			      .points = { .directory = -1, .lock = -1 },
			      .told = { .lock = -1 } };
	rc = follow_begin(&s->domain, whom);
	if (!rc)
		rc = points_open(&s->points, directory, true);
	if (!rc)
		rc = points_lock(&s->points);
	if (rc)
		return rc;
	/* Who asks what runs here misses it then, and no more. */
	if (options->finishes && checkpointer_begin(&s->told, directory)) {
		say(SAY_WARNING, "%s: pvferry jobs will not show these checkpoints", fail_reason());
		fail_forget();
	}
	child_private(s->told.lock);
	options->migrate.live = child_share(sizeof(*options->migrate.live));
	if (!options->migrate.live || digest_try())
		return -ENOMEM;
	return series_find_newest(s);
}

void series_tell(struct series *s, unsigned int failures, time_t due)
{
	s->told.failures = failures;
	s->told.due = due;
	snprintf(s->told.domain, sizeof(s->told.domain), "%s", s->domain.name);
	if (checkpointer_put(&s->told))
		say(SAY_WARNING, "%s", fail_reason());
	fail_forget();
}

void series_close(struct series *s)
{
	child_unprivate(s->told.lock);
	checkpointer_end(&s->told);
	series_forget(s);
	free(s->chain);
	draft_close(&s->draft);
	child_unshare(s->options->migrate.live, sizeof(*s->options->migrate.live));
	s->options->migrate.live = NULL;
	points_close(&s->points);
}
