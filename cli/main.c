/* The table of commands, and what they share. */
#include <errno.h>
#include <getopt.h>
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

struct common_options common;

static const struct command commands[] = {
	{ "save", "DOMAIN FILE|-", "save a running domain to an image", save_options, run_save },
	{ "restore", "FILE|-", "build a domain from an image and run it", restore_options, run_restore },
	{ "migrate", "DOMAIN HOST", "move a running domain to another host", migrate_options, run_migrate },
	{ "receive", "", "receive a domain from another host", receive_options, run_receive },
	{ "resolve", "[JOB]", "settle a migration that was cut short", resolve_options, run_resolve },
	{ "resume", "DOMAIN", "resume a suspended domain that no process works on", resume_options,
	  run_resume },
	{ "inspect", "FILE|-", "show what is in an image", inspect_options, run_inspect },
	{ "verify", "FILE|-", "check an image without Xen", verify_options, run_verify },
	{ "merge", "FILE|- OUT|-", "make one full image of an increment and its parents", merge_options,
	  run_merge },
	{ "cert", "init-ca|issue HOST|show", "make the certificates by which hosts know each other",
	  cert_options, run_cert },
	{ "doctor", "[HOST]", "can this host, and HOST, do all that pvferry does, and what mends it",
	  doctor_options, run_doctor },
	{ "metrics", "", "what the jobs of this host came to, for Prometheus", metrics_options, run_metrics },
	{ "list", "", "domains here, their state, and whether they can be saved", list_options, run_list },
	{ "jobs", "", "migrations under way, and those that have ended", jobs_options, run_jobs },
	{ "cancel", "JOB", "cancel a job of pvferryd", cancel_options, run_cancel },
	{ "set", "JOB NAME=N...", "change a job's downtime or bandwidth", set_options, run_set },
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static const struct option_row common_rows[] = {
	{ 'v', "verbose", NULL, "print each stage and the time it took" },
	{ 'q', "quiet", NULL, "print failures and warnings only" },
	{ 'h', "help", NULL, "print this text" },
	{ 0 },
};

static void print_row(const struct option_row *row)
{
	char text[64];
	int n = row->letter >= 'A' ? snprintf(text, sizeof(text), "-%c, ", row->letter)
				   : snprintf(text, sizeof(text), "    ");

	snprintf(text + n, sizeof(text) - n, "--%s%s%s", row->name, row->value ? " " : "",
		 row->value ? row->value : "");
	printf("  %-26s %s\n", text, row->help);
}

static void print_command_help(const struct command *command)
{
	printf("Usage: pvferry %s [OPTION]... %s\n%s\n\n", command->name, command->operands,
	       command->summary);
	for (const struct option_row *row = command->options; row->name; row++)
		print_row(row);
	for (const struct option_row *row = common_rows; row->name; row++)
		print_row(row);
}

static void print_help(void)
{
	printf("Usage: pvferry COMMAND [OPTION]... OPERAND...\n"
	       "Saves, restores and checks Xen PV domains.\n\n");
	for (int i = 0; i < COMMANDS; i++)
		printf("  %-8s %-23s %s\n", commands[i].name, commands[i].operands, commands[i].summary);
	printf("\nExit status: 0 done; 1 not done, and what became of the domain is said; 2 wrong usage;\n"
	       "3 the domain waits for \"pvferry resolve\".\n"
	       "\"pvferry COMMAND --help\" lists a command's options; pvferry(1) describes them.\n");
}

static size_t add_rows(const struct option_row *row, struct option *longs, size_t n, char *shorts)
{
	for (; row->name; row++) {
		longs[n++] = (struct option){ row->name, row->value ? required_argument : no_argument, NULL,
					      row->letter };
		if (row->letter < 'A')
			continue;
		shorts += strlen(shorts);
		sprintf(shorts, "%c%s", row->letter, row->value ? ":" : "");
	}
	return n;
}

static bool set_common(int letter)
{
	if (letter == 'v')
		say_level = SAY_DETAIL;
	else if (letter == 'q')
		say_level = SAY_WARNING;
	else
		return false;
	return true;
}

int command_options(const struct command *self, int argc, char **argv,
		    bool (*set)(void *settings, int letter, const char *value), void *settings)
{
	struct option longs[48] = { 0 };
	char shorts[64] = "";
	int letter;

	add_rows(common_rows, longs, add_rows(self->options, longs, 0, shorts), shorts);
	optind = 1;
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (letter == 'h') {
			print_command_help(self);
			return -2;
		}
		if (letter == '?' || (!set_common(letter) && !set(settings, letter, optarg))) {
			fprintf(stderr, "\"pvferry %s --help\" lists the options.\n", self->name);
			return -1;
		}
	}
	return optind;
}

bool parse_text(const char *option, const char *value, char *to, size_t room)
{
	if (strlen(value) < room) {
		snprintf(to, room, "%s", value);
		return true;
	}
	fprintf(stderr, "pvferry: --%s: \"%s\" is too long\n", option, value);
	return false;
}

bool parse_number(const char *option, const char *text, long least, long most, long *value)
{
	bool is_negative = least < 0 && *text == '-';
	uint64_t number;

	if (text_number(text + is_negative, is_negative ? -least : most, &number)) {
		*value = is_negative ? -(long)number : (long)number;
		if (*value >= least)
			return true;
	}
	fprintf(stderr, "pvferry: --%s: \"%s\" is not a whole number from %ld to %ld\n", option, text, least,
		most);
	return false;
}

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

static const struct command *find_command(const char *name)
{
	for (int i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* Is it one of these words, with blanks between them? */
static bool is_one_of(const char *word, const char *words)
{
	size_t length = strlen(word);

	for (; *words; words += strcspn(words, " "), words += *words == ' ')
		if (length && strcspn(words, " ") == length && !strncmp(words, word, length))
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

	descriptors_open();
	/* "pvferry -v save" is what people type. */
	while (argc > 1 && (is_one_of(argv[1], "-v --verbose") || is_one_of(argv[1], "-q --quiet"))) {
		set_common(is_one_of(argv[1], "-v --verbose") ? 'v' : 'q');
		argc--;
		argv++;
	}
	if (argc > 2 && !strcmp(argv[1], "help") && (command = find_command(argv[2]))) {
		print_command_help(command);
		return EXIT_DONE;
	}
	if (argc < 2 || is_one_of(argv[1], "--help -h help")) {
		print_help();
		return argc < 2 ? EXIT_USAGE : EXIT_DONE;
	}
	if (is_one_of(argv[1], "--version -V version")) {
		printf("pvferry %s\n", PVFERRY_VERSION);
		return EXIT_DONE;
	}
	command = find_command(argv[1]);
	if (!command) {
		fprintf(stderr, "pvferry: unknown command \"%s\"; \"pvferry --help\" lists the commands\n",
			argv[1]);
		return EXIT_USAGE;
	}
	if (stop_on_signals())
		return say_failure(argv[1], "", NULL);
	return check_output(command, command->run(command, argc - 1, argv + 1));
}
