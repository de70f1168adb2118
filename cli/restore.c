/* pvferry restore: from an image, or a plain xl save file, to a domain that goes on. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text/allow.h"
#include "cli/command.h"
#include "cli/ended.h"
#include "cli/open-image.h"
#include "cli/parents.h"
#include "cli/point-path.h"
#include "cli/progress.h"
#include "cli/xl-config.h"
#include "log.h"
#include "machine/config-redirect.h"
#include "machine/offer.h"
#include "machine/watch.h"
#include "restore/maker.h"
#include "restore/prove.h"
#include "stream/body.h"

struct settings {
	bool paused, prove;
	const char *parent, *config; /* config: xl's file, in place of what the image has; NULL: none */
	char redirect[REDIRECT_BYTES];
	struct restore_options restore;
};

static bool set_name(struct restore_options *options, const char *value)
{
	const char *defect = domain_name_defect(value);

	if (!defect) {
		options->name = value;
		return true;
	}
	fail(EINVAL, "--name: \"%s\" cannot be a domain's name: %s", value, defect);
	say_wrong("%s", fail_reason());
	return false;
}

static bool redirect(struct settings *settings, const char *kind, const char *wish)
{
	if (!redirect_add(settings->redirect, sizeof(settings->redirect), kind, wish))
		return true;
	say_wrong("%s", fail_reason());
	return false;
}

static bool restore_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *settings = context;
	struct restore_options *options = &settings->restore;

	switch (option) {
	case OPTION_PAUSED: settings->paused = true; break;
	case OPTION_PROVE: settings->prove = true; break;
	case OPTION_FORCE: options->force = true; break;
	case OPTION_PARENT: settings->parent = value->text; break;
	case OPTION_ALLOW: return allow_parse(value->text, &options->allowed);
	case OPTION_WITHOUT_DEVICES: options->without_devices = true; break;
	case OPTION_DISK: return redirect(settings, "disk", value->text);
	case OPTION_BRIDGE: return redirect(settings, "bridge", value->text);
	case OPTION_NAME: return set_name(options, value->text);
	case OPTION_THREADS: options->threads = value->number; break;
	default: break;
	}
	return true;
}

static const char *image, *given; /* a file; as it was typed */

/* The guest runs, with or without. */
static void have_it_watched(const struct built *built, unsigned int allowed)
{
	int rc = watch_start(built->domain, allowed & ALLOW_BOOT);

	if (rc && rc != -EBUSY) /* another watcher was faster */
		say(SAY_WARNING,
		    "%s runs, but no process watches it, so its on_reboot and on_crash are not carried out: "
		    "%s",
		    built->name, fail_reason());
	else if (watch_is_wanted() && !(allowed & ALLOW_BOOT))
		say(SAY_NOTE,
		    "%s: it is not started again when it reboots, but stays until \"xl destroy\": --allow "
		    "boot was "
		    "not given, which lets it boot the kernel or bootloader that the image names",
		    built->name);
	fail_forget();
}

static void say_done(const struct built *built, bool paused)
{
	struct json_object *json;

	if (!common.json) {
		say(SAY_NOTE, "%s: %lu MiB restored%s, domain %u %s", built->name, built->frames / 256,
		    built->proven ? " and proven" : "", built->domain, paused ? "is paused" : "runs");
		if (*built->attachments)
			say(SAY_NOTE, "%s: attached to %s", built->name, built->attachments);
		return;
	}
	json = json_object_new_object();
	json_object_object_add(json, "domain", json_object_new_string(built->name));
	json_object_object_add(json, "domid", json_object_new_int(built->domain));
	json_object_object_add(json, "pfns", json_object_new_int64(built->pfns));
	json_object_object_add(json, "frames", json_object_new_int64(built->frames));
	if (built->proven)
		json_object_object_add(json, "proven-pages", json_object_new_int64(built->proven));
	if (*built->attachments)
		body_put_text(json, "attached", built->attachments);
	json_object_object_add(json, "paused", json_object_new_boolean(paused));
	print_json(stdout, json, JSON_C_TO_STRING_SPACED);
	json_object_put(json);
}

static int built_resume(const struct built *built)
{
	struct domain *domain = NULL;
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = domain_open(&domain, host, built->domain);
	if (!rc)
		rc = domain_unpause(domain);
	domain_close(domain);
	host_close(host);
	return rc;
}

/* Where libxl made the domain it is not complete without a name, and goes if it does not get one. */
static int let_go(struct maker *maker, const struct built *built, bool paused)
{
	if (maker_is_used(maker))
		return maker_run(maker, paused) ? say_failure("restore", image, "no domain was made")
						: EXIT_DONE;
	if (!paused && built_resume(built))
		return say_failure("restore", image, "the domain is complete but paused");
	return EXIT_DONE;
}

/* Finds the parents of an increment, and what the domain is to be proven by. */
static int prepare(struct parents *parents, struct channel *channel, const struct settings *settings,
		   struct proof_wish *wish)
{
	int rc = parents_find(parents, channel, settings->parent, false);

	if (rc || !settings->prove)
		return rc;
	return proof_wish_init(wish, parents->has_index ? &parents->chain.files[0].place.head : NULL);
}

/* What the builder is to take in place of the image's words. A local config is the user's own: all of it is allowed. */
static int take_wishes(struct built *built, struct restore_options *options, const struct settings *settings)
{
	struct bytes flat = { 0 };
	int rc;

	snprintf(built->redirect, sizeof(built->redirect), "%s", settings->redirect);
	if (!settings->config)
		return 0;
	allow_parse("all", &options->allowed);
	rc = xl_config_read(settings->config, &flat);
	if (!rc && flat.count > sizeof(built->config))
		rc = fail(E2BIG, "%s: more than %zu KiB of settings", settings->config,
			  sizeof(built->config) / 1024);
	if (!rc) {
		memcpy(built->config, flat.at, flat.count);
		built->config_bytes = flat.count;
	}
	bytes_release(&flat);
	return rc;
}

/* If the checkpoint is damaged, or lacks a parent, the next thing to know is which one is not. */
static int say_not_made(int rc)
{
	bool is_of_image = rc == -EBADMSG || rc == -ENODATA;
	const char *other = is_of_image ? point_path_other(given, image) : NULL;
	bool is_told = strstr(fail_reason(), "no domain was made");
	char outcome[256];

	snprintf(outcome, sizeof(outcome), "%s%s%s", is_told ? "" : "no domain was made",
		 is_told || !other ? "" : "; ", other ? other : "");
	return say_failure("restore", image, *outcome ? outcome : NULL);
}

static int restore(const struct settings *settings)
{
	struct restore_options options = settings->restore;
	struct built *built = built_open();
	struct channel channel;
	struct parents parents;
	struct proof_wish wish = { 0 };
	struct maker maker;
	int rc = built ? take_wishes(built, &options, settings) : -ENOMEM;

	if (!rc)
		rc = open_image(&channel, image);
	if (rc)
		return say_failure("restore", image, NULL);
	maker_init(&maker, built);
	options.maker = &maker.maker;
	progress_start("restoring");
	options.prove = settings->prove ? &wish : NULL;
	rc = prepare(&parents, &channel, settings, &wish);
	if (!rc)
		rc = maker_finish(&maker, build_domain(built, &channel, &options));
	parents_close(&parents);
	close_image(&channel);
	progress_end();
	rc = rc ? say_not_made(rc) : let_go(&maker, built, settings->paused);
	maker_release(&maker);
	if (rc == EXIT_DONE) {
		say_done(built, settings->paused);
		have_it_watched(built, options.allowed);
	}
	return rc;
}

int run_restore(const struct command *self, int argc, char **argv)
{
	struct settings settings = {
		.restore = { .threads = default_threads(), .progress = progress_show },
	};
	uint64_t began_ns = line_now();
	int first = command_options(self, argc, argv, restore_set, &settings), rc;
	char path[PATH_MAX];

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1 && argc - first != 2)
		return say_usage(self, "takes FILE, or CONFIG and FILE");
	settings.config = argc - first == 2 ? argv[first] : NULL;
	image = given = argv[argc - 1];
	if (point_path(image, path))
		return say_failure("restore", image, "no domain was made");
	image = path;
	rc = restore(&settings);
	ended_restore(rc, began_ns);
	return rc;
}
