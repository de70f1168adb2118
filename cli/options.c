/* A command line's options, by the rows of text/options.c, through getopt_long(). */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "log.h"

struct common_options common;

/* getopt's numbers of long options: the row's, above all letters. */
enum { LONG_FIRST = 256, LONG_MOST = 64 };

static void collect(const char *command, struct option *longs, char *shorts)
{
	for (const struct option_row *row = NULL; (row = option_of_command(row, command)) && longs;) {
		bool takes_value = row->type != TAKES_NOTHING;

		*longs++ = (struct option){ row->name, takes_value ? required_argument : no_argument, NULL,
					    LONG_FIRST + (int)(row - option_rows) };
		if (row->letter) {
			*shorts++ = row->letter;
			if (takes_value)
				*shorts++ = ':';
		}
	}
	*longs = (struct option){ 0 };
	*shorts = '\0';
}

static const struct option_row *find_option(const char *command, int letter)
{
	const struct option_row *row = NULL;

	if (letter >= LONG_FIRST)
		return &option_rows[letter - LONG_FIRST];
	do
		row = option_of_command(row, command);
	while (row && row->letter != letter);
	return row;
}

static bool set_common(enum option_id option)
{
	switch (option) {
	case OPTION_VERBOSE: say_level = SAY_DETAIL; break;
	case OPTION_QUIET: say_level = SAY_WARNING; break;
	case OPTION_PROGRESS: common.progress = PROGRESS_ON; break;
	case OPTION_NO_PROGRESS: common.progress = PROGRESS_OFF; break;
	case OPTION_JSON: common.json = true; break;
	default: return false;
	}
	return true;
}

static bool is_right(const struct option_row *row, const char *text, struct option_value *value)
{
	char expected[300];

	if (option_parse(row, text, value))
		return true;
	say_wrong("--%s: \"%s\" is not %s", row->name, text, option_expects(row, expected, sizeof(expected)));
	return false;
}

int command_options(const struct command *self, int argc, char **argv, option_setter *set, void *settings)
{
	struct option longs[LONG_MOST];
	const struct option_row *row;
	struct option_value value;
	char shorts[2 * LONG_MOST];
	int letter;

	collect(self->name, longs, shorts);
	optind = 1;
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		row = letter == '?' ? NULL : find_option(self->name, letter);
		if (row && row->option == OPTION_HELP) {
			command_print_help(self);
			return -2;
		}
		if (!row || !is_right(row, optarg, &value) ||
		    (!set_common(row->option) && set && !set(settings, row->option, &value))) {
			say_hint(self->name, "lists the options");
			return -1;
		}
	}
	return optind;
}

bool parse_as(const char *command, enum option_id option, const char *text, struct option_value *value)
{
	const struct option_row *row = NULL;

	do
		row = option_of_command(row, command);
	while (row->option != option);
	return is_right(row, text, value);
}

bool parse_text(const char *option, const char *value, char *to, size_t room)
{
	if (strlen(value) < room) {
		snprintf(to, room, "%s", value);
		return true;
	}
	say_wrong("--%s: \"%s\" is too long", option, value);
	return false;
}
