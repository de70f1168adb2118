/* pvferry save: from a running domain to a file that is whole, and only then away with the domain. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/draft.h"
#include "cli/progress.h"
#include "cli/saved.h"
#include "cli/saving.h"
#include "process/child.h"

struct settings {
	bool keep_running, keep_paused, force, without_devices, has_tracking, index;
	enum { UNTOLD, YES, NO } live; /* -c is, unless told otherwise */
	const char
		*live_only; /* an option that was given and has a meaning only with --live; NULL: none was */
	unsigned int max_downtime_ms;
	const char *parent;
	struct migrate_options migrate;
};

static bool save_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *settings = context;
	struct migrate_options *migrate = &settings->migrate;

	if (option == OPTION_DIRTY_TRACKING || option == OPTION_MAX_DOWNTIME || option == OPTION_MAX_ROUNDS)
		settings->live_only = value->row->name;
	switch (option) {
	case OPTION_CHECKPOINT: settings->keep_running = true; break;
	case OPTION_PAUSED: settings->keep_paused = true; break;
	case OPTION_FORCE: settings->force = true; break;
	case OPTION_WITHOUT_DEVICES: settings->without_devices = true; break;
	case OPTION_PARENT: settings->parent = value->text; break;
	case OPTION_INDEX: settings->index = true; break;
	case OPTION_P2M: migrate->p2m = value->word; break;
	case OPTION_LEVEL: migrate->level = level_of(value); break;
	case OPTION_THREADS: migrate->threads = value->number; break;
	case OPTION_LIVE: settings->live = YES; break;
	case OPTION_NO_LIVE: settings->live = NO; break;
	case OPTION_BUFFER: migrate->buffer_bytes = (size_t)value->number << 20; break;
	case OPTION_DIRTY_TRACKING:
		settings->has_tracking = true;
		migrate->tracking = value->word;
		break;
	case OPTION_MAX_DOWNTIME: settings->max_downtime_ms = value->number; break;
	case OPTION_MAX_SUSPENDED: migrate->max_suspended_seconds = value->number; break;
	case OPTION_MAX_ROUNDS: migrate->limits.max_rounds = value->number; break;
	case OPTION_TIMEOUT: migrate->timeout_seconds = value->number; break;
	default: break;
	}
	return true;
}

static enum fate fate_of(const struct settings *settings)
{
	return settings->keep_paused ? STAY_PAUSED : settings->keep_running ? RUN_ON : DESTROY;
}

/* What is refused is refused while the guest still runs. */
static int open_target(struct publication *file, const char *path, const struct settings *settings)
{
	bool must_keep = fate_of(settings) == DESTROY && !settings->force;

	return publication_open(file, path, settings->force, must_keep);
}

static int save(const char *whom, const char *path, struct settings *settings)
{
	struct saving saving = { .command = "save",
				 .whom = whom,
				 .fate = fate_of(settings),
				 .without_devices = settings->without_devices,
				 .force = settings->force,
				 .options = &settings->migrate };
	int rc = saving_prepare(&saving, whom);

	if (!rc)
		rc = open_target(&saving.file, path, settings);
	rc = rc ? say_failure("save", whom, NULL) : saving_run(&saving);
	if (rc == EXIT_DONE) {
		say_saved(&saving.shared->sent, &saving.file, settings->migrate.index, saving.began_ns);
		fate_warn(saving.fate, saving.config, saving.shared->sent.name, saving.file.path);
	}
	saving_close(&saving, rc);
	return rc;
}

static bool is_live(const struct settings *settings)
{
	return settings->live == YES || (settings->live == UNTOLD && settings->keep_running);
}

/*
 * A domain that is to run on is not kept waiting for what can be read while it runs. Xen's log would slow it
 * down meanwhile, so that is used only where it was asked for.
 */
static int choose_rounds(struct settings *settings)
{
	struct migrate_options *migrate = &settings->migrate;

	migrate->runs_on = settings->keep_running;
	if (settings->keep_running && !settings->has_tracking)
		migrate->tracking = DIRTY_CONTENT;
	if (!is_live(settings))
		return 0;
	migrate->live = child_share(sizeof(*migrate->live));
	if (!migrate->live)
		return -ENOMEM;
	migrate->live->max_downtime_ms = settings->max_downtime_ms;
	return 0;
}

int run_save(const struct command *self, int argc, char **argv)
{
	struct draft draft = { .parent = { NULL } };
	struct settings settings = {
		.max_downtime_ms = 300,
		.migrate = { .level = LEVEL_DEFAULT,
			     .threads = default_threads(),
			     .timeout_seconds = 60,
			     .progress = progress_show },
	};
	int first = command_options(self, argc, argv, save_set, &settings), rc;
	char text[64];

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (settings.keep_running && settings.keep_paused)
		return say_usage(self, "takes -c (keep it running) or -p (keep it paused), not both");
	if (argc - first != 2)
		return say_usage(self, "takes DOMAIN and FILE");
	common.json_beside = publication_is_output(argv[first + 1]);
	if (settings.live_only && !is_live(&settings)) {
		snprintf(text, sizeof(text), "takes --%s only with --live or -c", settings.live_only);
		return say_usage(self, text);
	}
	if (settings.migrate.buffer_bytes && !settings.keep_running)
		return say_usage(self, "takes --buffer only with -c");
	if (choose_rounds(&settings))
		return say_failure("save", argv[first], NULL);
	if ((settings.index || settings.parent) && draft_open(&draft, &settings.migrate, settings.parent))
		return say_failure("save", argv[first], NULL);
	rc = save(argv[first], argv[first + 1], &settings);
	draft_close(&draft);
	return rc;
}
