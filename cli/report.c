/* See report.h. */
#include "cli/report.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli/command.h"
#include "text/text.h"

enum { TEXT = 1024 };

static const char *const words[] = { "ok", "warning", "problem" };

void report_open(struct report *report)
{
	*report = (struct report){ .lines = json_object_new_array() };
}

void report_close(struct report *report)
{
	json_object_put(report->lines);
	report->lines = NULL;
}

/* Certificates and peers wrote part of it: it is made fit for a terminal here, once. */
static struct json_object *new_text(const char *format, va_list list)
{
	char text[TEXT], visible[TEXT];

	vsnprintf(text, sizeof(text), format, list);
	return json_object_new_string(text_visible(visible, sizeof(visible), text));
}

void report_add(struct report *report, enum verdict verdict, const char *check, const char *format, ...)
{
	struct json_object *line = json_object_new_object();
	va_list list;

	va_start(list, format);
	json_object_object_add(line, "check", json_object_new_string(check));
	json_object_object_add(line, "verdict", json_object_new_string(words[verdict]));
	json_object_object_add(line, "text", new_text(format, list));
	va_end(list);
	json_object_array_add(report->lines, line);
	report->count[verdict]++;
}

void report_remedy(struct report *report, const char *format, ...)
{
	size_t count = json_object_array_length(report->lines);
	va_list list;

	va_start(list, format);
	json_object_object_add(json_object_array_get_idx(report->lines, count - 1), "remedy",
			       new_text(format, list));
	va_end(list);
}

static const char *field(const struct json_object *line, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(line, name, &value) ? json_object_get_string(value) : NULL;
}

static void print_text(const struct report *report)
{
	for (size_t i = 0; i < json_object_array_length(report->lines); i++) {
		const struct json_object *line = json_object_array_get_idx(report->lines, i);
		const char *remedy = field(line, "remedy");

		printf("%-8s %-12s %s\n", field(line, "verdict"), field(line, "check"), field(line, "text"));
		if (remedy)
			printf("%21s -> %s\n", "", remedy);
	}
}

void report_print(const struct report *report, bool as_json)
{
	struct json_object *all;

	if (!as_json) {
		print_text(report);
		return;
	}
	all = json_object_new_object();
	json_object_object_add(all, "checks", json_object_get(report->lines));
	json_object_object_add(all, "warnings", json_object_new_int(report->count[VERDICT_WARNING]));
	json_object_object_add(all, "problems", json_object_new_int(report->count[VERDICT_PROBLEM]));
	text_print_json(stdout, json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY |
									    JSON_C_TO_STRING_SPACED |
									    JSON_C_TO_STRING_NOSLASHESCAPE));
	putchar('\n');
	json_object_put(all);
}

int report_status(const struct report *report)
{
	return report->count[VERDICT_PROBLEM] ? EXIT_NOT_DONE : EXIT_DONE;
}
