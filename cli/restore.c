/* pvferry restore: from an image, or a plain xl save file, to a domain that goes on. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/open-image.h"
#include "cli/progress.h"
#include "log.h"
#include "restore/restore.h"

enum { NAME = LONG_ONLY, THREADS, FORCE, WITHOUT_DEVICES, PROGRESS, NO_PROGRESS, JSON };

const struct option_row restore_options[] = {
	{ 'p', "paused", NULL, "leave the domain paused" },
	{ NAME, "name", "NAME", "give the domain this name" },
	{ THREADS, "threads", "N", "worker threads (one a processor, at most 8)" },
	{ FORCE, "force", NULL, "even if this host lacks CPU features the guest knows" },
	{ WITHOUT_DEVICES, "without-devices", NULL, "restore a domain that had devices, without them" },
	{ PROGRESS, "progress", NULL, "show progress even where there is no terminal" },
	{ NO_PROGRESS, "no-progress", NULL, "show no progress" },
	{ JSON, "json", NULL, "print what was done as JSON" },
	{ 0 },
};

static bool set_name(struct restore_options *options, const char *value)
{
	if (*value && strlen(value) < 256 && !strchr(value, '/') && strspn(value, "0123456789") != strlen(value)) {
		options->name = value;
		return true;
	}
	fprintf(stderr, "pvferry: \"%s\" is no name for a domain\n", value);
	return false;
}

static bool set(void *context, int letter, const char *value)
{
	struct restore_options *options = context;
	long number = 0;
	bool fine = true;

	switch (letter) {
	case 'p': options->paused = true; break;
	case FORCE: options->force = true; break;
	case WITHOUT_DEVICES: options->without_devices = true; break;
	case PROGRESS: common.progress = PROGRESS_ON; break;
	case NO_PROGRESS: common.progress = PROGRESS_OFF; break;
	case JSON: common.json = true; break;
	case NAME: fine = set_name(options, value); break;
	case THREADS:
		fine = parse_number("threads", value, 1, 64, &number);
		options->threads = number;
		break;
	}
	return fine;
}

static void say_done(struct restoration *r)
{
	struct json_object *json;

	if (!common.json) {
		say(SAY_NOTE, "%s: %lu MiB restored, domain %u %s", config_name(&r->config), r->frames / 256,
		    domain_id(r->domain), r->options.paused ? "is paused" : "runs");
		return;
	}
	json = json_object_new_object();
	json_object_object_add(json, "domain", json_object_new_string(config_name(&r->config)));
	json_object_object_add(json, "domid", json_object_new_int(domain_id(r->domain)));
	json_object_object_add(json, "pfns", json_object_new_int64(r->incoming.count));
	json_object_object_add(json, "frames", json_object_new_int64(r->frames));
	json_object_object_add(json, "paused", json_object_new_boolean(r->options.paused));
	printf("%s\n", json_object_to_json_string(json));
	json_object_put(json);
}

static int restore(struct host *host, const char *path, const struct restore_options *options)
{
	struct restoration r = { 0 };
	struct channel channel;
	int rc = open_image(&channel, path);

	if (rc)
		return say_failure("restore", path, NULL);
	progress_start("restoring");
	rc = restore_domain(&r, host, &channel, options);
	progress_end();
	if (rc)
		rc = say_failure("restore", path, "no domain was made");
	else
		say_done(&r);
	restoration_release(&r);
	close_image(&channel);
	return rc;
}

int run_restore(const struct command *self, int argc, char **argv)
{
	struct restore_options options = { .threads = default_threads(), .progress = progress_show };
	int first = command_options(self, argc, argv, set, &options), rc;
	struct host *host;

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1) {
		fprintf(stderr, "pvferry: restore takes one FILE\n");
		return EXIT_USAGE;
	}
	if (host_open(&host))
		return say_failure("restore", argv[first], NULL);
	rc = restore(host, argv[first], &options);
	host_close(host);
	return rc;
}
