/* pvferry verify: is this image sound? 0 sound, 1 damaged, 2 unreadable. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "checkpoint/links.h"
#include "cli/command.h"
#include "cli/open-image.h"
#include "cli/parents.h"
#include "cli/point-path.h"
#include "cli/progress.h"
#include "cli/verify-part.h"
#include "log.h"
#include "process/child.h"
#include "process/confined.h"
#include "process/stop.h"
#include "restore/examine.h"
#include "text/text.h"

enum { SOUND = 0, DAMAGED = 1, UNREADABLE = 2 };

struct settings {
	unsigned int threads;
	const char *parent;
	struct part part; /* of a directory */
};

static bool verify_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *settings = context;

	if (option == OPTION_PARENT)
		settings->parent = value->text;
	else if (option == OPTION_THREADS)
		settings->threads = value->number;
	else if (option == OPTION_SUBSET)
		return part_set(&settings->part, value->text, time(NULL));
	return true;
}

/* What the process that reads the image tells the one that prints. */
struct verification {
	struct channel channel;
	struct parents parents;
	const struct settings *settings;
	struct verdict {
		uint64_t pfns, frames, records;
		bool is_plain;	   /* of xl's: it has no checksums */
		bool lacks_parent; /* what there is of it was not looked at */
		char domain[256];
	} * verdict; /* shared */
};

static void verdict_note(struct verdict *verdict, const struct examination *x)
{
	verdict->pfns = x->incoming.count;
	verdict->frames = x->frames;
	verdict->records = x->records;
	verdict->is_plain = x->facts && !x->facts->is_image;
	if (x->config.root)
		snprintf(verdict->domain, sizeof(verdict->domain), "%s", config_name(&x->config));
}

static int read_image(void *context)
{
	struct verification *v = context;
	struct examination x = { .progress = confined_progress };
	int rc = examine(&x, &v->channel, v->settings->threads);

	verdict_note(v->verdict, &x);
	examination_release(&x);
	return rc;
}

static void print_verdict(const struct verdict *verdict, int status)
{
	static const char *const words[] = { "sound", "damaged", "unreadable" };
	struct json_object *json = json_object_new_object();

	json_object_object_add(
		json, "verdict",
		json_object_new_string(verdict->lacks_parent ? "parent-missing" : words[status]));
	if (status != SOUND)
		json_object_object_add(json, "defect", json_object_new_string(fail_reason()));
	if (*verdict->domain)
		json_object_object_add(json, "domain", json_object_new_string(verdict->domain));
	json_object_object_add(json, "pfns", json_object_new_int64(verdict->pfns));
	json_object_object_add(json, "frames", json_object_new_int64(verdict->frames));
	json_object_object_add(json, "records", json_object_new_int64(verdict->records));
	print_json(stdout, json, JSON_C_TO_STRING_SPACED);
	json_object_put(json);
}

static void print_text(const struct verdict *verdict, const char *path, int status)
{
	char shown[PATH_MAX];

	if (status == SOUND)
		printf("%s: %s: %lu pfns, %lu frames, %lu records\n",
		       text_visible(shown, sizeof(shown), path),
		       verdict->is_plain ? "consistent (a plain xl save file has no checksums)" : "sound",
		       verdict->pfns, verdict->frames, verdict->records);
	else
		say_failure("verify", path,
			    verdict->lacks_parent ? "--parent DIR looks there, too"
			    : status == DAMAGED	  ? "the image is damaged"
						  : NULL);
}

static int verify_image(struct verification *v, const char *path)
{
	struct confined confined = { .work = read_image, .context = v, .progress = progress_show };
	int rc = open_image(&v->channel, path), fds[CHAIN_MOST];

	if (rc)
		return rc;
	confined.fd = v->channel.fd;
	confined.shared = v->verdict;
	confined.threads = v->settings->threads;
	rc = parents_find(&v->parents, &v->channel, v->settings->parent, true);
	v->verdict->lacks_parent = v->parents.is_missing;
	confined.more_fds = fds;
	confined.more_count = parents_fds(&v->parents, fds);
	if (!rc) {
		progress_start("checking");
		rc = confined_run(&confined);
		progress_end();
	}
	free(confined.text);
	parents_close(&v->parents);
	close_image(&v->channel);
	return rc;
}

static int verify(const char *path, const struct settings *settings)
{
	struct verification v = { .settings = settings, .verdict = child_share(sizeof(*v.verdict)) };
	struct verdict verdict = { 0 };
	int rc = v.verdict ? verify_image(&v, path) : -ENOMEM;
	int status = !rc ? SOUND : rc == -EBADMSG || rc == -ENODATA ? DAMAGED : UNREADABLE;

	if (v.verdict)
		verdict = *v.verdict;
	verdict.domain[sizeof(verdict.domain) - 1] = '\0';
	child_unshare(v.verdict, sizeof(*v.verdict));
	if (common.json)
		print_verdict(&verdict, status);
	else
		print_text(&verdict, path, status);
	return status;
}

/*
 * Of a directory each checkpoint from which no other goes on, with all its parents: that is every file. What stands in a
 * circle has no such end: each that is not sound by its links is looked at by itself.
 */
static int verify_directory(const char *directory, const struct settings *settings)
{
	int status = SOUND, worst = SOUND;
	struct points points;
	struct link *links = points_survey(&points, directory);
	char path[PATH_MAX];

	for (size_t i = 0; links && i < points.count && !stop_requested(); i++) {
		if (links[i].children && links[i].state == LINK_SOUND)
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, points.at[i].file);
		status = verify(path, settings);
		worst = status > worst ? status : worst;
		fail_forget();
	}
	if (!links || stop_requested()) {
		say_failure("verify", directory, NULL);
		worst = UNREADABLE;
	}
	free(links);
	points_close(&points);
	return worst;
}

int run_verify(const struct command *self, int argc, char **argv)
{
	struct settings settings = { .threads = default_threads() };
	int first = command_options(self, argc, argv, verify_set, &settings);
	char path[PATH_MAX];

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1)
		return say_usage(self, "takes one FILE");
	if (point_path_is_directory(argv[first]))
		return settings.part.of ? verify_part(argv[first], &settings.part)
					: verify_directory(argv[first], &settings);
	if (settings.part.of)
		return say_usage(self, "takes --subset with a directory");
	if (!point_path(argv[first], path))
		return verify(path, &settings);
	say_failure("verify", argv[first], NULL);
	return UNREADABLE;
}
