/*
 * pvferry inspect: what is in an image. In: an image or an xl save file. Out: facts, the config, or a map of its
 * memory. The trap: the image is read without privileges (process/confined.h), so what is printed comes from there as
 * text, and this process shows it without its control characters.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/map.h"
#include "cli/open-image.h"
#include "cli/parents.h"
#include "cli/point-path.h"
#include "cli/progress.h"
#include "log.h"
#include "process/confined.h"
#include "restore/examine.h"
#include "text/text.h"

struct settings {
	unsigned int threads;
	const char *parent;
	bool config, map, svg;
};

static bool inspect_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *settings = context;

	switch (option) {
	case OPTION_PARENT: settings->parent = value->text; break;
	case OPTION_CONFIG: settings->config = true; break;
	case OPTION_MAP: settings->map = true; break;
	case OPTION_MAP_SVG: settings->svg = true; break;
	case OPTION_THREADS: settings->threads = value->number; break;
	default: break;
	}
	return true;
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

struct inspection {
	struct channel channel;
	struct parents parents;
	const struct settings *settings;
};

/* Which moment it is, and which one it goes on from. */
static void add_state(struct json_object *json, const struct parents *parents)
{
	const struct index_head *head = &parents->chain.files[0].place.head;
	char text[STATE_TEXT_BYTES];

	if (!parents->has_index)
		return;
	json_object_object_add(json, "state", json_object_new_string(state_text(head->state, text)));
	json_object_object_add(json, "words-held", json_object_new_int64(head->words));
	if (!index_is_increment(head))
		return;
	json_object_object_add(json, "parent", json_object_new_string(state_text(head->parent, text)));
	json_object_object_add(json, "parents", json_object_new_int(parents->chain.count - 1));
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

static void write_facts(FILE *to, struct json_object *json, const char *indent)
{
	json_object_object_foreach (json, name, value) {
		char key[64], text[512];

		text_visible(key, sizeof(key), name);
		if (json_object_is_type(value, json_type_object)) {
			fprintf(to, "%s%s\n", indent, key);
			write_facts(to, value, "  ");
		} else if (json_object_is_type(value, json_type_double)) {
			fprintf(to, "%s%-*s %.2f\n", indent, 18 - (int)strlen(indent), key,
				json_object_get_double(value));
		} else {
			fprintf(to, "%s%-*s %s\n", indent, 18 - (int)strlen(indent), key,
				value ? text_visible(text, sizeof(text), json_object_get_string(value)) : "");
		}
	}
}

/* In the process that reads the image: as text, which the one above it prints. */
static void write_out(FILE *to, const struct examination *x, const struct inspection *inspection)
{
	struct json_object *json;

	if (inspection->settings->config) {
		fprintf(to, "%s\n", x->config.root ? config_text(&x->config) : x->facts->config);
		return;
	}
	if (inspection->settings->map || inspection->settings->svg) {
		(inspection->settings->svg ? map_write_svg : map_write_text)(to, x);
		return;
	}
	json = gather(x);
	add_state(json, &inspection->parents);
	if (common.json)
		fprintf(to, "%s\n",
			json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
								     JSON_C_TO_STRING_SPACED |
								     JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		write_facts(to, json, "");
	json_object_put(json);
}

static int send_text(const struct examination *x, const struct inspection *inspection)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *memory = open_memstream(&text, &bytes);
	bool is_whole;

	if (!memory)
		return fail(ENOMEM, "out of memory");
	write_out(memory, x, inspection);
	is_whole = !fclose(memory);
	if (is_whole)
		confined_print(text);
	free(text);
	return is_whole ? 0 : fail(ENOMEM, "out of memory");
}

static int read_image(void *context)
{
	struct inspection *inspection = context;
	struct examination x = { .progress = confined_progress };
	int rc = examine(&x, &inspection->channel, inspection->settings->threads);

	if (!rc)
		rc = send_text(&x, inspection);
	examination_release(&x);
	return rc;
}

static int inspect(const char *path, const struct settings *settings)
{
	struct inspection inspection = { .settings = settings };
	struct confined confined = { .work = read_image, .context = &inspection, .progress = progress_show };
	int rc = open_image(&inspection.channel, path), fds[CHAIN_MOST];

	if (rc)
		return say_failure("inspect", path, NULL);
	confined.fd = inspection.channel.fd;
	confined.threads = settings->threads;
	rc = parents_find(&inspection.parents, &inspection.channel, settings->parent, false);
	confined.more_fds = fds;
	confined.more_count = parents_fds(&inspection.parents, fds);
	if (!rc) {
		progress_start("reading");
		rc = confined_run(&confined);
		progress_end();
	}
	if (rc)
		rc = say_failure("inspect", path, NULL);
	else if (common.json || settings->config)
		text_print_json(stdout, confined.text);
	else
		text_print_lines(stdout, confined.text);
	free(confined.text);
	parents_close(&inspection.parents);
	close_image(&inspection.channel);
	return rc;
}

int run_inspect(const struct command *self, int argc, char **argv)
{
	struct settings settings = { .threads = default_threads() };
	int first = command_options(self, argc, argv, inspect_set, &settings);
	char path[PATH_MAX];

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1)
		return say_usage(self, "takes one FILE");
	if (settings.config + settings.map + settings.svg + common.json > 1)
		return say_usage(self, "takes one of --config, --map, --map-svg and --json");
	if (point_path(argv[first], path))
		return say_failure("inspect", argv[first], NULL);
	return inspect(path, &settings);
}
