/* pvferry save: from a running domain to a file that is whole, and only then away with the domain. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/ended.h"
#include "cli/fate.h"
#include "cli/draft.h"
#include "cli/progress.h"
#include "cli/saved.h"
#include "cli/sending.h"
#include "process/child.h"
#include "journal/journal.h"
#include "log.h"
#include "machine/toolstack.h"
#include "migrate/sender.h"
#include "migrate/settle.h"

struct settings {
	bool keep_running, keep_paused, force, without_devices, has_tracking, index;
	enum { UNTOLD, YES, NO } live; /* -c is, unless told otherwise */
	const char
		*live_only; /* an option that was given and has a meaning only with --live; NULL: none was */
	unsigned int max_downtime_ms;
	const char *parent;
	struct migrate_options migrate;
};

static bool set(void *context, enum option_id option, const struct option_value *value)
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

/* --- a save in progress ------------------------------------------------------ */

struct job {
	uint32_t id;
	const char *whom;
	struct settings *settings;
	char *config; /* libxl's, of a domain with devices */
	uint64_t began_ns;
	struct publication file;
	struct sender *sender;
	int lock; /* of the domain */
	/* The sender sees it too. */
	struct shared {
		struct sent sent;
		struct journal journal;
	} * shared;
};

/* Where it took the request to suspend and has not suspended yet, another process stays for it. */
static int say_failed(struct job *job)
{
	const struct sent *sent = &job->shared->sent;
	struct source_locks locks = { -1, job->lock };
	char text[OUTCOME_BYTES];
	pid_t waiter = 0;

	if (sent->is_asked && !sent->is_suspended && !source_stay(&job->shared->journal, &locks, &waiter))
		job->lock = locks.domain;
	return say_failure("save", job->whom, sent_outcome(sent, waiter, text));
}

/*
 * The guest is what it is to be: the sender and the journal have nothing to put right any more. With -c it runs
 * already, unless Xen refused to resume it.
 */
static int settle_guest(struct job *job, enum fate fate)
{
	int rc = job->shared->sent.is_suspended ? fate_settle(job->id, fate) : 0;

	/* It was not to run beside its image: if it cannot be destroyed or paused it stays suspended, for the user to decide. */
	if (rc && fate == RUN_ON)
		return rc;
	job->shared->sent.is_suspended = job->shared->sent.is_asked = false;
	sender_release(job->sender);
	journal_remove(job->shared->journal.job, JOURNAL_SOURCE);
	return rc;
}

/* The image is complete, but not yet safe under its name. */
static int publish(struct job *job)
{
	const struct settings *settings = job->settings;
	enum fate fate = settings->keep_paused ? STAY_PAUSED : settings->keep_running ? RUN_ON : DESTROY;

	if (publication_commit(&job->file)) {
		settle_guest(job, RUN_ON);
		return say_failed(job);
	}
	if (settle_guest(job, fate))
		return say_failure("save", job->whom,
				   fate != RUN_ON ? "the image is complete, and the domain stays suspended"
						  : "the image is complete");
	say_saved(&job->shared->sent, &job->file, settings->migrate.index, job->began_ns);
	fate_warn(fate, job->config, job->shared->sent.name, job->file.path);
	return EXIT_DONE;
}

static int send_guest(struct job *job, struct channel *channel)
{
	struct sending sending = { .id = job->id,
				   .to = channel,
				   .options = &job->settings->migrate,
				   .journal = &job->shared->journal,
				   .sent = &job->shared->sent };
	int rc = channel_init(channel, job->file.fd, job->file.path);

	if (!rc)
		rc = sender_start(&job->sender, &sending);
	if (rc)
		return rc;
	sender_wait(job->sender);
	return sender_finish(job->sender);
}

static int save_to(struct job *job)
{
	struct channel channel;
	int rc;

	progress_start("saving");
	rc = send_guest(job, &channel);
	channel_release(&channel);
	progress_end();
	rc = rc ? say_failed(job) : publish(job);
	sender_close(job->sender);
	return rc;
}

/* What is refused is refused while the guest still runs. */
static int open_target(struct publication *file, const char *path, const struct settings *settings)
{
	bool must_keep = !settings->keep_running && !settings->keep_paused && !settings->force;

	return publication_open(file, path, settings->force, must_keep);
}

/* The domain is found, and no other process is at work on it. */
static int prepare(struct job *job, const char *path)
{
	struct movable wish = { .carries_devices = true,
				.without_devices = job->settings->without_devices,
				.force = job->settings->force };
	struct journal *journal;
	int rc;

	job->shared = child_share(sizeof(*job->shared));
	if (!job->shared)
		return -ENOMEM;
	journal = &job->shared->journal;
	journal->role = JOURNAL_SOURCE;
	rc = job_name(journal->job);
	if (!rc)
		rc = find_movable(job->whom, &wish, &job->id, journal->domain);
	if (!rc)
		rc = journal_lock_domain(job->id, &job->lock);
	if (!rc && wish.has_devices)
		rc = toolstack_config(job->id, &job->config);
	job->settings->migrate.config = job->config;
	return rc ? rc : open_target(&job->file, path, job->settings);
}

static int save(const char *whom, const char *path, struct settings *settings)
{
	struct job job = { .whom = whom,
			   .settings = settings,
			   .began_ns = now_ns(),
			   .file = { .fd = -1, .place.directory = -1 },
			   .lock = -1 };
	int rc = prepare(&job, path);

	rc = rc ? say_failure("save", whom, NULL) : save_to(&job);
	ended_save(job.shared ? &job.shared->sent : NULL, rc, job.began_ns);
	publication_abandon(&job.file);
	journal_unlock_domain(job.id, job.lock);
	child_unshare(job.shared, sizeof(*job.shared));
	free(job.config);
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
	struct draft draft = { .shared = NULL };
	struct settings settings = {
		.max_downtime_ms = 300,
		.migrate = { .level = LEVEL_DEFAULT,
			     .threads = default_threads(),
			     .timeout_seconds = 60,
			     .progress = progress_show },
	};
	int first = command_options(self, argc, argv, set, &settings), rc;
	char text[64];

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (settings.keep_running && settings.keep_paused)
		return say_usage(self, "takes -c (keep it running) or -p (keep it paused), not both");
	if (argc - first != 2)
		return say_usage(self, "takes DOMAIN and FILE");
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
