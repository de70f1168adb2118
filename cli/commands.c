/* The table of commands, and --help, which is made of it and of the rows of text/options.c. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

#define ROW(name, operands, summary) { #name, operands, summary, run_##name },
const struct command commands[] = { COMMANDS(ROW) };
#undef ROW

const unsigned int command_count = sizeof(commands) / sizeof(*commands);

const struct command *command_find(const char *name)
{
	for (unsigned int i = 0; i < command_count; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void option_print(const struct option_row *row)
{
	char text[64];
	int n = row->letter ? snprintf(text, sizeof(text), "-%c, ", row->letter)
			    : snprintf(text, sizeof(text), "    ");

	snprintf(text + n, sizeof(text) - n, "--%s%s%s", row->name, row->value ? " " : "",
		 row->value ? row->value : "");
	printf("  %-26s %s\n", text, row->help);
}

void command_print_help(const struct command *command)
{
	printf("Usage: pvferry %s [OPTION]... %s\n%s\n\n", command->name, command->operands,
	       command->summary);
	for (const struct option_row *row = NULL; (row = option_of_command(row, command->name));)
		option_print(row);
}

void commands_print_help(void)
{
	printf("Usage: pvferry COMMAND [OPTION]... OPERAND...\n"
	       "Saves, restores and checks Xen PV domains.\n\n");
	for (unsigned int i = 0; i < command_count; i++)
		printf("  %-11s %-23s %s\n", commands[i].name, commands[i].operands, commands[i].summary);
	printf("\nExit status: 0 done; 1 not done, and what became of the domain is said; 2 wrong usage;\n"
	       "3 the domain waits for \"pvferry resolve\".\n"
	       "\"pvferry COMMAND --help\" lists a command's options; pvferry(1) describes them.\n");
}
