/* pvferry save: from a running domain to a file that is whole, and only then away with the domain. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/publish.h"
#include "log.h"
#include "migrate/migrate.h"
#include "migrate/movable.h"
#include "machine/registry.h"

enum { LEVEL = LONG_ONLY, THREADS, FORCE, TIMEOUT, WITHOUT_DEVICES, P2M, PROGRESS, NO_PROGRESS, JSON };

const struct option_row save_options[] = {
	{ 'c', "checkpoint", NULL, "keep the domain running" },
	{ 'p', "paused", NULL, "keep the domain, paused" },
	{ LEVEL, "level", "N", "zstd's level, -7 to 19 (1); 0: a plain xl save file" },
	{ THREADS, "threads", "N", "worker threads (one a processor, at most 8)" },
	{ FORCE, "force", NULL, "replace FILE if it exists" },
	{ TIMEOUT, "timeout", "S", "seconds the guest has to suspend (60)" },
	{ WITHOUT_DEVICES, "without-devices", NULL, "save a domain with devices, without them" },
	{ P2M, "p2m", "FORM", "read the guest's p2m as auto, linear or list (auto)" },
	{ PROGRESS, "progress", NULL, "show progress even where there is no terminal" },
	{ NO_PROGRESS, "no-progress", NULL, "show no progress" },
	{ JSON, "json", NULL, "print what was done as JSON" },
	{ 0 },
};

struct settings {
	bool keep_running, keep_paused, force, without_devices;
	struct migrate_options migrate;
};

static bool set_p2m(const char *value, enum p2m_form *form)
{
	for (int i = P2M_AUTO; i <= P2M_LIST; i++)
		if (!strcmp(value, p2m_form_name(i))) {
			*form = i;
			return true;
		}
	fprintf(stderr, "pvferry: --p2m takes auto, linear or list, not \"%s\"\n", value);
	return false;
}

static bool set(void *context, int letter, const char *value)
{
	struct settings *settings = context;
	long number = 0;
	bool fine = true;

	switch (letter) {
	case 'c': settings->keep_running = true; break;
	case 'p': settings->keep_paused = true; break;
	case FORCE: settings->force = true; break;
	case WITHOUT_DEVICES: settings->without_devices = true; break;
	case PROGRESS: common.progress = PROGRESS_ON; break;
	case NO_PROGRESS: common.progress = PROGRESS_OFF; break;
	case JSON: common.json = true; break;
	case P2M: fine = set_p2m(value, &settings->migrate.p2m); break;
	case LEVEL:
		fine = parse_number("level", value, LEVEL_LEAST, LEVEL_MOST, &number);
		settings->migrate.level = number;
		break;
	case THREADS:
		fine = parse_number("threads", value, 1, 64, &number);
		settings->migrate.threads = number;
		break;
	case TIMEOUT:
		fine = parse_number("timeout", value, 1, 86400, &number);
		settings->migrate.timeout_seconds = number;
		break;
	}
	return fine;
}

static int check_obstacles(struct domain *domain, const struct settings *settings)
{
	struct domain_facts facts;
	enum obstacle obstacle;
	char text[512];
	int rc = domain_facts(domain, &facts);

	if (!rc)
		rc = find_obstacle(domain, &facts, &obstacle, text, sizeof(text));
	if (rc || obstacle == OBSTACLE_NONE)
		return rc;
	if (obstacle != OBSTACLE_DEVICES)
		return fail(EOPNOTSUPP, "%s", text);
	if (!settings->without_devices)
		return fail(EOPNOTSUPP, "%s (--without-devices goes on)", text);
	say(SAY_WARNING, "%s; going on without them", text);
	return 0;
}

static void print_json(const struct migration *m, uint64_t stopped_ns)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "domain", json_object_new_string(config_name(&m->config)));
	json_object_object_add(json, "p2m", json_object_new_string(p2m_form_name(m->p2m.form)));
	json_object_object_add(json, "pfns", json_object_new_int64(m->figures.pfns));
	json_object_object_add(json, "frames", json_object_new_int64(m->figures.frames));
	json_object_object_add(json, "tables", json_object_new_int64(m->figures.tables));
	json_object_object_add(json, "pinned", json_object_new_int64(m->figures.pinned));
	json_object_object_add(json, "expanded-bytes", json_object_new_int64(m->figures.expanded_bytes));
	json_object_object_add(json, "stored-bytes", json_object_new_int64(m->figures.stored_bytes));
	json_object_object_add(json, "stopped-ms", json_object_new_double(stopped_ns / 1e6));
	fprintf(m->to->fd == 1 ? stderr : stdout, "%s\n", json_object_to_json_string(json));
	json_object_put(json);
}

static void say_done(const struct migration *m, const char *path, uint64_t stopped_ns)
{
	double mib = m->figures.frames * (double)PAGE_BYTES / (1 << 20);

	if (common.json)
		print_json(m, stopped_ns);
	else
		say(SAY_NOTE, "%s: %.0f MiB saved to %s, %.1f MiB (%.1f:1), stopped for %.2f s",
		    config_name(&m->config), mib, path, m->figures.stored_bytes / 1048576.0,
		    (double)m->figures.expanded_bytes / m->figures.stored_bytes, stopped_ns / 1e9);
}

/* The image is safe: what is to become of the guest? */
static int settle(struct migration *m, const struct settings *settings)
{
	if (!settings->keep_running && !settings->keep_paused)
		return domain_demolish(m->domain);
	if (settings->keep_paused) {
		int rc = domain_pause(m->domain);

		if (rc)
			return rc;
	}
	m->is_suspended = false;
	return domain_resume(m->domain);
}

/* After a failure: the guest goes on, whatever happened. Returns what to say of it. */
static const char *let_go_on(struct migration *m)
{
	if (!m->is_suspended)
		return "the domain was not touched";
	m->is_suspended = false;
	return domain_resume(m->domain) ? "the domain could not be resumed" : "the domain runs on";
}

static int save_to(struct domain *domain, struct publication *file, const struct settings *settings,
		   const char *whom)
{
	struct migration m;
	struct channel channel;
	uint64_t stopped_ns;
	int rc = channel_init(&channel, file->fd, file->path);

	if (!rc)
		rc = migration_init(&m, domain, &channel, &settings->migrate);
	if (rc)
		return say_failure("save", whom, "the domain was not touched");
	progress_start("saving");
	rc = migration_send(&m);
	channel_release(&channel);
	if (!rc)
		rc = publication_commit(file);
	progress_end();
	if (rc) {
		rc = say_failure("save", whom, let_go_on(&m));
	} else {
		rc = settle(&m, settings);
		stopped_ns = now_ns() - m.figures.stopped_at_ns;
		if (rc)
			rc = say_failure("save", whom, "the image is complete");
		else
			say_done(&m, file->path, stopped_ns);
	}
	migration_release(&m);
	return rc ? EXIT_NOT_DONE : EXIT_DONE;
}

static int save(struct host *host, const char *whom, const char *path, const struct settings *settings)
{
	struct publication file = { .fd = -1, .directory = -1 };
	struct domain *domain = NULL;
	uint32_t id;
	int rc = domain_find(host, whom, &id);

	if (!rc)
		rc = domain_open(&domain, host, id);
	if (!rc)
		rc = check_obstacles(domain, settings);
	if (!rc)
		rc = publication_open(&file, path, settings->force);
	rc = rc ? say_failure("save", whom, NULL) : save_to(domain, &file, settings, whom);
	publication_abandon(&file);
	domain_close(domain);
	return rc;
}

int run_save(const struct command *self, int argc, char **argv)
{
	struct settings settings = {
		.migrate = { .level = LEVEL_DEFAULT, .threads = default_threads(), .timeout_seconds = 60,
			     .progress = progress_show },
	};
	int first = command_options(self, argc, argv, set, &settings), rc;
	struct host *host;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 2 || (settings.keep_running && settings.keep_paused)) {
		fprintf(stderr, "pvferry: save takes DOMAIN and FILE, and -c or -p but not both\n");
		return EXIT_USAGE;
	}
	if (host_open(&host))
		return say_failure("save", argv[first], NULL);
	rc = save(host, argv[first], argv[first + 1], &settings);
	host_close(host);
	return rc;
}
