/* From the command line to the command. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "log.h"
#include "process/descriptors.h"
#include "process/stop.h"
#include "version.h"

/* Also of a command line that is wrong before its --json is come to. */
static bool wants_json(const struct command *command, int argc, char **argv)
{
	const struct option_row *row = NULL;
	bool has_it = false;

	while ((row = option_of_command(row, command->name)))
		has_it |= row->option == OPTION_JSON;
	for (int i = 0; has_it && i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
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
	int status;

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
	common.json = wants_json(command, argc - 2, argv + 2);
	status = stop_on_signals() ? say_failure(argv[1], "", NULL)
				   : command->run(command, argc - 1, argv + 1);
	failure_print(status);
	return check_output(command, status);
}
