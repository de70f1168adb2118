/* From the command line to the command, and what the commands share in speaking to a person. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "log.h"
#include "process/descriptors.h"
#include "process/stop.h"
#include "text/text.h"
#include "version.h"

void print_json(FILE *to, struct json_object *json, int flags)
{
	text_print_json(to, json_object_to_json_string_ext(json, flags));
	fprintf(to, "\n");
}

int say_usage(const struct command *self, const char *text)
{
	fprintf(stderr, "pvferry: %s %s\n\"pvferry %s --help\" shows how to use it.\n", self->name, text,
		self->name);
	return EXIT_USAGE;
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
	return EXIT_NOT_DONE;
}

/* What was printed must have arrived, or the status says otherwise. */
static int check_output(const struct command *command, int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "pvferry: %s: cannot write to standard output\n", command->name);
	return status ? status : EXIT_NOT_DONE;
}

int main(int argc, char **argv)
{
	const struct command *command;

	descriptors_open();
	/* "pvferry -v save" is what people type. */
	for (; argc > 1 && option_word("-v --verbose -q --quiet", argv[1]) >= 0; argc--, argv++)
		say_level = option_word("-v --verbose", argv[1]) >= 0 ? SAY_DETAIL : SAY_WARNING;
	if (argc > 2 && !strcmp(argv[1], "help") && (command = command_find(argv[2]))) {
		command_print_help(command);
		return EXIT_DONE;
	}
	if (argc < 2 || option_word("--help -h help", argv[1]) >= 0) {
		commands_print_help();
		return argc < 2 ? EXIT_USAGE : EXIT_DONE;
	}
	if (option_word("--version -V version", argv[1]) >= 0) {
		printf("pvferry %s\n", PVFERRY_VERSION);
		return EXIT_DONE;
	}
	command = command_find(argv[1]);
	if (!command) {
		fprintf(stderr, "pvferry: unknown command \"%s\"; \"pvferry --help\" lists the commands\n",
			argv[1]);
		return EXIT_USAGE;
	}
	if (stop_on_signals())
		return say_failure(argv[1], "", NULL);
	return check_output(command, command->run(command, argc - 1, argv + 1));
}
