/* See move-report.h. The picture: cli/move-svg.c. */
#include "cli/move-report.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/control.h"
#include "cli/publish.h"
#include "log.h"
#include "stream/body.h"

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), room = strlen(end);

	return length > room && !strcmp(text + length - room, end);
}

bool move_report_set(struct move_report *report, const char *path)
{
	report->path = path;
	report->is_svg = ends_with(path, ".svg");
	if (report->is_svg || ends_with(path, ".json"))
		return true;
	say_wrong("--report: the name \"%s\" ends neither with .svg nor with .json", path);
	return false;
}

/* A move may take hours, and be killed: no file is kept open meanwhile. What can be known now is said now. */
int move_report_begin(struct move_report *report)
{
	struct publication file;
	int rc;

	report->began = time(NULL);
	if (!report->path)
		return 0;
	rc = publication_open(&file, report->path, true, false);
	publication_abandon(&file);
	return rc;
}

static void copy_member(struct json_object *to, const struct json_object *from, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_object_get_ex(from, name, &value))
		json_object_object_add(to, name, json_object_get(value));
}

static struct json_object *new_report(const struct move_report *report, const struct json_object *job,
				      const struct json_object *end)
{
	struct json_object *json = json_object_new_object();
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	copy_member(json, job, "job");
	copy_member(json, job, "domain");
	copy_member(json, job, "domid");
	body_put_text(json, "host", host);
	copy_member(json, job, "peer");
	body_put_number(json, "began", report->began);
	json_object_object_add(json, "end", json_object_get((struct json_object *)end));
	return json;
}

static int write_to(struct publication *file, const struct move_report *report, struct json_object *json)
{
	char *text = NULL;
	size_t bytes = 0, done = 0;
	FILE *to = open_memstream(&text, &bytes);

	if (!to)
		return fail(ENOMEM, "out of memory");
	if (report->is_svg)
		move_svg_write(to, json);
	else
		print_json(to, json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	fclose(to);
	while (done < bytes) {
		ssize_t n = write(file->fd, text + done, bytes - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? n : 0;
	}
	free(text);
	return done < bytes ? fail_errno("cannot write %s", report->path) : publication_commit(file);
}

void move_report_write(const struct move_report *report, const struct json_object *job,
		       const struct json_object *end)
{
	struct json_object *json;
	struct publication file;
	char reason[1024];
	int rc;

	if (!report->path)
		return;
	/* The reason of a move that failed is still to be said. */
	snprintf(reason, sizeof(reason), "%s", fail_reason());
	rc = fail_error();
	fail_forget();
	json = new_report(report, job, end);
	if (publication_open(&file, report->path, true, false) || write_to(&file, report, json))
		say(SAY_WARNING, "no report: %s", fail_reason());
	publication_abandon(&file);
	json_object_put(json);
	fail_forget();
	if (rc)
		fail(rc, "%s", reason);
}
