/* See saved.h. */
#include "cli/saved.h"

#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/draft.h"
#include "log.h"

/* All in ns. The guest stands still for the first four together. */
struct times {
	uint64_t suspend, copy, state, resume, stopped, total;
};

/* One that does not run on is stopped until its image is safe. */
static struct times find_times(const struct migrate_figures *figures, uint64_t began_ns)
{
	uint64_t now = now_ns(), end = figures->resumed_at_ns ? figures->resumed_at_ns : now;

	return (struct times){
		.suspend = figures->stopped_at_ns - figures->asked_at_ns,
		.copy = figures->copied_at_ns - figures->stopped_at_ns,
		.state = figures->ready_at_ns - figures->copied_at_ns,
		.resume = end - figures->ready_at_ns,
		.stopped = end - figures->asked_at_ns,
		.total = now - began_ns,
	};
}

static void put_number(struct json_object *json, const char *name, uint64_t number)
{
	json_object_object_add(json, name, json_object_new_int64(number));
}

static void put_ms(struct json_object *json, const char *name, uint64_t ns)
{
	json_object_object_add(json, name, json_object_new_double(ns / 1e6));
}

static void put_times(struct json_object *json, const struct times *times)
{
	put_ms(json, "stopped-ms", times->stopped);
	put_ms(json, "suspend-ms", times->suspend);
	put_ms(json, "copy-ms", times->copy);
	put_ms(json, "state-ms", times->state);
	put_ms(json, "resume-ms", times->resume);
	put_ms(json, "total-ms", times->total);
}

struct json_object *saved_json(const struct sent *sent, const struct index_draft *index, uint64_t began_ns)
{
	const struct migrate_figures *figures = &sent->figures;
	struct times times = find_times(figures, began_ns);
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "domain", json_object_new_string(sent->name));
	json_object_object_add(json, "libxl-config", json_object_new_boolean(!sent->has_no_config));
	json_object_object_add(json, "p2m", json_object_new_string(p2m_form_name(sent->p2m)));
	put_number(json, "pfns", figures->pfns);
	put_number(json, "frames", figures->frames);
	put_number(json, "tables", figures->tables);
	put_number(json, "pinned", figures->pinned);
	put_number(json, "expanded-bytes", figures->expanded_bytes);
	put_number(json, "stored-bytes", figures->stored_bytes);
	put_times(json, &times);
	put_number(json, "buffer-bytes", figures->buffer_bytes);
	put_number(json, "copied-bytes", figures->copied_bytes);
	put_number(json, "written-while-stopped-bytes", figures->late_bytes);
	if (index)
		draft_print(index, json);
	return json;
}

double saved_stopped_ms(const struct sent *sent, uint64_t began_ns)
{
	return find_times(&sent->figures, began_ns).stopped / 1e6;
}

void saved_stop_text(char text[STOP_TEXT_BYTES], const struct sent *sent, uint64_t began_ns)
{
	struct times times = find_times(&sent->figures, began_ns);

	if (sent->figures.resumed_at_ns)
		snprintf(text, STOP_TEXT_BYTES,
			 "stopped for %.0f ms (suspend %.0f, copy %.0f, state %.0f, resume %.0f); written in "
			 "%.1f s",
			 times.stopped / 1e6, times.suspend / 1e6, times.copy / 1e6, times.state / 1e6,
			 times.resume / 1e6, times.total / 1e9);
	else
		snprintf(text, STOP_TEXT_BYTES, "stopped for %.2f s", times.stopped / 1e9);
}

void say_saved(const struct sent *sent, const struct publication *file, const struct index_draft *index,
	       uint64_t began_ns)
{
	const struct migrate_figures *figures = &sent->figures;
	char stop[STOP_TEXT_BYTES];

	if (common.json) {
		struct json_object *json = saved_json(sent, index, began_ns);

		print_json(json_output(), json, JSON_C_TO_STRING_SPACED);
		json_object_put(json);
		return;
	}
	saved_stop_text(stop, sent, began_ns);
	say(SAY_NOTE, "%s: %lu MiB saved to %s, %.1f MiB (%.1f:1), %s%s", sent->name, figures->frames / 256,
	    file->path, figures->stored_bytes / 1048576.0,
	    (double)figures->expanded_bytes / figures->stored_bytes, stop,
	    sent->has_no_config
		    ? "; libxl keeps no config of it, so the image names no kernel, disks or on_* settings"
		    : "");
}
