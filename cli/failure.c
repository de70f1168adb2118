/*
 * A command that fails: a line for a person on standard error, and with --json an object for a program, in which the same
 * stands. The object comes last, when the exit status is known.
 */
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "log.h"
#include "stream/body.h"
#include "text/text.h"

/* The first failure: of several the others mostly follow from it. */
static struct {
	char message[1024], outcome[1024], hint[256];
	bool is_told;
} failure;

void print_json(FILE *to, struct json_object *json, int flags)
{
	text_print_json(to, json_object_to_json_string_ext(json, flags));
	fprintf(to, "\n");
}

FILE *json_output(void)
{
	return common.json_beside ? stderr : stdout;
}

static void keep(const char *message, const char *outcome)
{
	if (*failure.message)
		return;
	text_visible(failure.message, sizeof(failure.message), message);
	text_visible(failure.outcome, sizeof(failure.outcome), outcome);
}

bool say_wrong(const char *format, ...)
{
	char text[1024], visible[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fprintf(stderr, "pvferry: %s\n", text_visible(visible, sizeof(visible), text));
	keep(text, "");
	return false;
}

int say_hint(const char *command, const char *shows)
{
	/* getopt() has said itself what is wrong. */
	keep("the command line is wrong", "");
	snprintf(failure.hint, sizeof(failure.hint), "\"pvferry %s --help\" %s", command, shows);
	fprintf(stderr, "%s.\n", failure.hint);
	return EXIT_USAGE;
}

int say_usage(const struct command *self, const char *text)
{
	say_wrong("%s %s", self->name, text);
	return say_hint(self->name, "shows how to use it");
}

int say_failure(const char *doing, const char *whom, const char *outcome)
{
	char subject[1024], become[1024];

	/* What pvferryd or another process says may have the outcome in it already. */
	if (outcome && strstr(fail_reason(), outcome))
		outcome = NULL;
	if (say_before)
		say_before();
	fprintf(stderr, "pvferry: %s%s%s: %s%s%s\n", doing, *whom ? " " : "",
		text_visible(subject, sizeof(subject), whom), fail_reason(), outcome ? "; " : "",
		text_visible(become, sizeof(become), outcome ? outcome : ""));
	keep(fail_reason(), outcome ? outcome : "");
	return EXIT_NOT_DONE;
}

void failure_told(void)
{
	failure.is_told = true;
}

void failure_print(int status)
{
	struct json_object *all, *error;

	if (!status || !common.json || !*failure.message || failure.is_told)
		return;
	all = json_object_new_object();
	error = json_object_new_object();
	body_put_text(error, "message", failure.message);
	if (*failure.outcome)
		body_put_text(error, "outcome", failure.outcome);
	if (*failure.hint)
		body_put_text(error, "hint", failure.hint);
	body_put_number(error, "status", status);
	json_object_object_add(all, "error", error);
	print_json(json_output(), all, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	json_object_put(all);
}
