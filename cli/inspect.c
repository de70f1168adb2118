/* pvferry inspect: what is in an image. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/open-image.h"
#include "cli/progress.h"
#include "log.h"
#include "restore/examine.h"

enum { THREADS = LONG_ONLY, PROGRESS, NO_PROGRESS, JSON, CONFIG };

const struct option_row inspect_options[] = {
	{ CONFIG, "config", NULL, "print the domain's config, as xl keeps it" },
	{ THREADS, "threads", "N", "worker threads (one a processor, at most 8)" },
	{ PROGRESS, "progress", NULL, "show progress even where there is no terminal" },
	{ NO_PROGRESS, "no-progress", NULL, "show no progress" },
	{ JSON, "json", NULL, "print it as JSON" },
	{ 0 },
};

struct settings {
	unsigned int threads;
	bool config;
};

static bool set(void *context, int letter, const char *value)
{
	struct settings *settings = context;
	long number = 0;
	bool fine = true;

	switch (letter) {
	case CONFIG: settings->config = true; break;
	case PROGRESS: common.progress = PROGRESS_ON; break;
	case NO_PROGRESS: common.progress = PROGRESS_OFF; break;
	case JSON: common.json = true; break;
	case THREADS:
		fine = parse_number("threads", value, 1, 64, &number);
		settings->threads = number;
		break;
	}
	return fine;
}

static const char *const type_names[16] = {
	[FRAME_NOTAB] = "ordinary",
	[FRAME_L1] = "l1",
	[FRAME_L2] = "l2",
	[FRAME_L3] = "l3",
	[FRAME_L4] = "l4",
	[FRAME_PINNED | FRAME_L1] = "l1-pinned",
	[FRAME_PINNED | FRAME_L2] = "l2-pinned",
	[FRAME_PINNED | FRAME_L3] = "l3-pinned",
	[FRAME_PINNED | FRAME_L4] = "l4-pinned",
	[FRAME_BROKEN] = "broken",
	[FRAME_XALLOC] = "allocated",
	[FRAME_XTAB] = "holes",
};

static unsigned int online_vcpus(const struct machine *machine)
{
	unsigned int online = 0;

	for (unsigned int i = 0; i < machine->vcpu_count; i++)
		online += machine->vcpus[i].state[VCPU_BASIC] != NULL;
	return online;
}

/* One list of facts serves both outputs. */
static struct json_object *gather(const struct examination *x)
{
	struct json_object *json = json_object_new_object(), *frames = json_object_new_object();
	struct json_object *provenance = x->facts->provenance ? json_tokener_parse(x->facts->provenance)
							      : NULL;
	bool has_config = x->config.root;

	json_object_object_add(json, "format", json_object_new_string(x->facts->is_image ? "pvferry" : "xl"));
	if (has_config)
		json_object_object_add(json, "domain", json_object_new_string(config_name(&x->config)));
	if (has_config && config_string(&x->config, "c_info", "uuid"))
		json_object_object_add(json, "uuid",
				       json_object_new_string(config_string(&x->config, "c_info", "uuid")));
	if (provenance)
		json_object_object_add(json, "provenance", provenance);
	json_object_object_add(json, "width", json_object_new_int(x->incoming.machine.layout->width * 8));
	json_object_object_add(
		json, "vcpus",
		json_object_new_int64(has_config ? config_number(&x->config, "b_info", "max_vcpus", 1)
						 : x->incoming.machine.vcpu_count));
	json_object_object_add(json, "vcpus-online", json_object_new_int(online_vcpus(&x->incoming.machine)));
	json_object_object_add(json, "user-roots", json_object_new_int64(x->user_roots));
	json_object_object_add(json, "pfns", json_object_new_int64(x->incoming.count));
	json_object_object_add(json, "frames", json_object_new_int64(x->frames));
	json_object_object_add(json, "p2m-pages", json_object_new_int64(x->incoming.leaves));
	for (int i = 0; i < 16; i++)
		if (type_names[i] && x->frames_by_type[i])
			json_object_object_add(frames, type_names[i],
					       json_object_new_int64(x->frames_by_type[i]));
	json_object_object_add(json, "frames-by-type", frames);
	json_object_object_add(json, "zero-pages", json_object_new_int64(x->zero_pages));
	json_object_object_add(json, "records", json_object_new_int64(x->records));
	json_object_object_add(json, "stored-bytes", json_object_new_int64(x->stored_bytes));
	json_object_object_add(json, "expanded-bytes", json_object_new_int64(x->expanded_bytes));
	json_object_object_add(json, "ratio",
			       json_object_new_double((double)x->expanded_bytes / x->stored_bytes));
	return json;
}

static void print_facts(struct json_object *json, const char *indent)
{
	json_object_object_foreach (json, key, value) {
		if (json_object_is_type(value, json_type_object)) {
			printf("%s%s\n", indent, key);
			print_facts(value, "  ");
		} else if (json_object_is_type(value, json_type_double)) {
			printf("%s%-*s %.2f\n", indent, 18 - (int)strlen(indent), key,
			       json_object_get_double(value));
		} else {
			printf("%s%-*s %s\n", indent, 18 - (int)strlen(indent), key,
			       json_object_get_string(value));
		}
	}
}

static void print(const struct examination *x, const struct settings *settings)
{
	struct json_object *json;

	if (settings->config) {
		printf("%s\n", x->config.root ? config_text(&x->config) : x->facts->config);
		return;
	}
	json = gather(x);
	if (common.json)
		printf("%s\n", json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
									    JSON_C_TO_STRING_SPACED |
									    JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		print_facts(json, "");
	json_object_put(json);
}

static int inspect(const char *path, const struct settings *settings)
{
	struct examination x = { .progress = progress_show };
	struct channel channel;
	int rc = open_image(&channel, path);

	if (rc)
		return say_failure("inspect", path, NULL);
	progress_start("reading");
	rc = examine(&x, &channel, settings->threads);
	progress_end();
	if (rc)
		rc = say_failure("inspect", path, NULL);
	else
		print(&x, settings);
	examination_release(&x);
	close_image(&channel);
	return rc;
}

int run_inspect(const struct command *self, int argc, char **argv)
{
	struct settings settings = { .threads = default_threads() };
	int first = command_options(self, argc, argv, set, &settings);

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1) {
		fprintf(stderr, "pvferry: inspect takes one FILE\n");
		return EXIT_USAGE;
	}
	return inspect(argv[first], &settings);
}
