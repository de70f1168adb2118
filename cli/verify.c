/* pvferry verify: is this image sound? 0 sound, 1 damaged, 2 unreadable. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/open-image.h"
#include "cli/progress.h"
#include "log.h"
#include "restore/examine.h"

enum { THREADS = LONG_ONLY, PROGRESS, NO_PROGRESS, JSON };
enum { SOUND = 0, DAMAGED = 1, UNREADABLE = 2 };

const struct option_row verify_options[] = {
	{ THREADS, "threads", "N", "worker threads (one a processor, at most 8)" },
	{ PROGRESS, "progress", NULL, "show progress even where there is no terminal" },
	{ NO_PROGRESS, "no-progress", NULL, "show no progress" },
	{ JSON, "json", NULL, "print the verdict as JSON" },
	{ 0 },
};

static bool set(void *context, int letter, const char *value)
{
	long number = 0;
	bool fine = true;

	switch (letter) {
	case PROGRESS: common.progress = PROGRESS_ON; break;
	case NO_PROGRESS: common.progress = PROGRESS_OFF; break;
	case JSON: common.json = true; break;
	case THREADS:
		fine = parse_number("threads", value, 1, 64, &number);
		*(unsigned int *)context = number;
		break;
	}
	return fine;
}

static void print_json(const struct examination *x, int status)
{
	static const char *const words[] = { "sound", "damaged", "unreadable" };
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "verdict", json_object_new_string(words[status]));
	if (status != SOUND)
		json_object_object_add(json, "defect", json_object_new_string(fail_reason()));
	if (x->config.root)
		json_object_object_add(json, "domain", json_object_new_string(config_name(&x->config)));
	json_object_object_add(json, "pfns", json_object_new_int64(x->incoming.count));
	json_object_object_add(json, "frames", json_object_new_int64(x->frames));
	json_object_object_add(json, "records", json_object_new_int64(x->records));
	printf("%s\n", json_object_to_json_string(json));
	json_object_put(json);
}

static void print_text(const struct examination *x, const char *path, int status)
{
	if (status == SOUND)
		printf("%s: sound: %lu pfns, %lu frames, %lu records\n", path, x->incoming.count, x->frames,
		       x->records);
	else
		say_failure("verify", path,
			    status == DAMAGED ? "the image is damaged" : "the image cannot be read");
}

static int verify(const char *path, unsigned int threads)
{
	struct examination x = { .progress = progress_show };
	struct channel channel;
	int rc = open_image(&channel, path), status;

	progress_start("checking");
	if (!rc) {
		rc = examine(&x, &channel, threads);
		progress_end();
	}
	status = !rc ? SOUND : rc == -EBADMSG || rc == -ENODATA ? DAMAGED : UNREADABLE;
	if (common.json)
		print_json(&x, status);
	else
		print_text(&x, path, status);
	examination_release(&x);
	close_image(&channel);
	return status;
}

int run_verify(const struct command *self, int argc, char **argv)
{
	unsigned int threads = default_threads();
	int first = command_options(self, argc, argv, set, &threads);

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc - first != 1) {
		fprintf(stderr, "pvferry: verify takes one FILE\n");
		return EXIT_USAGE;
	}
	return verify(argv[first], threads);
}
