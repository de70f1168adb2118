/* pvferry checkpoint: the memory and state of a domain that runs on, into a directory, once or again and again. */
#include <errno.h>

#include "cli/command.h"
#include "cli/keep-options.h"
#include "cli/progress.h"
#include "cli/sending.h"
#include "cli/series.h"
#include "log.h"
#include "process/stop.h"
#include "text/text.h"

enum { DAY_MS = 86400000, INTERVAL_MOST_MS = 7 * DAY_MS, FULL_EVERY_DEFAULT = 64 };

struct settings {
	bool is_periodic;
	uint64_t every_ms;
	unsigned int count; /* 0: no end */
	struct series_options series;
};

static bool set_time(const char *option, const char *value, uint64_t *ms)
{
	if (text_duration(value, ms) && *ms <= INTERVAL_MOST_MS)
		return true;
	say_wrong("--%s: \"%s\" is not a time of at most 7 days, like 500ms, 30s, 5m or 1h", option, value);
	return false;
}

/* No program ends within no time. */
static bool set_hook_timeout(const char *value, uint64_t *ms)
{
	bool is_time = set_time("hook-timeout", value, ms);

	if (is_time && !*ms)
		say_wrong("--hook-timeout: \"%s\" is too short: it takes 1ms or more", value);
	return is_time && *ms;
}

static bool set_tag(struct series_options *series, const char *value)
{
	const char *defect = tag_defect(value);

	series->tag = value;
	if (defect)
		say_wrong("--tag: \"%s\" cannot be a tag: %s", value, defect);
	return !defect;
}

/* An image is wanted, and not a plain xl save file, which has no index. */
static bool set_level(struct migrate_options *migrate, const struct option_value *value)
{
	migrate->level = level_of(value);
	if (migrate->level == LEVEL_PLAIN)
		say_wrong("checkpoint makes images, no plain xl save files");
	return migrate->level != LEVEL_PLAIN;
}

static bool checkpoint_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *settings = context;
	struct series_options *series = &settings->series;
	struct migrate_options *migrate = &series->migrate;

	switch (option) {
	case OPTION_EVERY:
		settings->is_periodic = true;
		return set_time("every", value->text, &settings->every_ms);
	case OPTION_HOOK_TIMEOUT: return set_hook_timeout(value->text, &series->hook_timeout_ms);
	case OPTION_HOOK: series->hook = value->text; break;
	case OPTION_TAG: return set_tag(series, value->text);
	case OPTION_LEVEL: return set_level(migrate, value);
	case OPTION_COUNT: settings->count = value->number; break;
	case OPTION_FULL: series->full = true; break;
	case OPTION_FULL_EVERY: series->full_every = value->number; break;
	case OPTION_DISKS: series->disks_are_theirs = true; break;
	case OPTION_WITHOUT_DEVICES: series->without_devices = true; break;
	case OPTION_MAX_DOWNTIME: series->max_downtime_ms = value->number; break;
	case OPTION_THREADS: migrate->threads = value->number; break;
	case OPTION_BUFFER: migrate->buffer_bytes = (size_t)value->number << 20; break;
	case OPTION_TIMEOUT: migrate->timeout_seconds = value->number; break;
	case OPTION_P2M: migrate->p2m = value->word; break;
	default: break;
	}
	return keep_set(&series->keep, option, value);
}

/* --- again and again --------------------------------------------------------------- */

/*
 * A guest that cannot be saved just now is not to be asked in each interval: what it does to suspend, and the wait for
 * it, cost it more than a checkpoint.
 */
static uint64_t pause_after(uint64_t every_ms, unsigned int failures)
{
	enum { LEAST_MS = 1000, MOST_MS = 600000, DOUBLED = 10 };
	uint64_t pause = every_ms > LEAST_MS ? every_ms : LEAST_MS;

	if (!failures)
		return every_ms;
	if (pause < MOST_MS)
		pause <<= failures < DOUBLED ? failures - 1 : DOUBLED;
	return pause < MOST_MS || pause == every_ms ? pause : MOST_MS;
}

/* What is late is left out, not made up for. */
static uint64_t next_due(uint64_t due_ms, uint64_t pause_ms, uint64_t now_ms)
{
	due_ms += pause_ms;
	if (pause_ms && due_ms < now_ms)
		due_ms += (now_ms - due_ms + pause_ms - 1) / pause_ms * pause_ms;
	return due_ms > now_ms ? due_ms : now_ms;
}

static int repeat(struct series *series, const struct settings *settings)
{
	uint64_t due_ms = now_ns() / 1000000, now_ms;
	unsigned int failures = 0;
	int rc = EXIT_DONE;

	series_tell(series, 0, 0);
	for (;;) {
		rc = series_take(series);
		failures = rc == EXIT_DONE ? 0 : failures + 1;
		if (stop_requested())
			return EXIT_DONE;
		/* What fails at once would fail for ever: a wrong name, a missing right. */
		if (!series->taken || series->taken == settings->count)
			return rc;
		if (series->has_ended)
			return EXIT_DONE;
		now_ms = now_ns() / 1000000;
		due_ms = next_due(due_ms, pause_after(settings->every_ms, failures), now_ms);
		series_tell(series, failures, time(NULL) + (due_ms - now_ms) / 1000);
		if (stop_wait(due_ms - now_ms))
			return EXIT_DONE;
	}
}

static int checkpoint_run(const char *whom, const char *directory, struct settings *settings)
{
	struct series series;
	int rc;

	settings->series.finishes = settings->is_periodic;
	rc = series_open(&series, whom, directory, &settings->series);

	if (rc)
		rc = say_failure("checkpoint", whom, NULL);
	else
		rc = settings->is_periodic ? repeat(&series, settings) : series_take(&series);
	series_close(&series);
	return rc;
}

int run_checkpoint(const struct command *self, int argc, char **argv)
{
	struct settings settings = {
		.series = { .full_every = FULL_EVERY_DEFAULT,
			    .max_downtime_ms = 300,
			    .hook_timeout_ms = 5000,
			    .migrate = { .level = LEVEL_DEFAULT,
					 .threads = default_threads(),
					 .timeout_seconds = 60,
					 .progress = progress_show,
					 .runs_on = true,
					 .tracking = DIRTY_CONTENT } },
	};
	int first = command_options(self, argc, argv, checkpoint_set, &settings);

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 2)
		return say_usage(self, "takes DOMAIN and DIR");
	if (settings.count && !settings.is_periodic)
		return say_usage(self, "takes --count only with --every");
	return checkpoint_run(argv[first], argv[first + 1], &settings);
}
