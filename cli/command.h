/*
 * The commands a person types. Each is a row of one table (cli/commands.c), which is dispatcher and help
 * text at once; their options are the rows of text/options.c.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "stream/pipeline.h"
#include "text/options.h"

/* Name, operands, summary; int run_NAME() does it. In the order in which --help lists them. */
#define COMMANDS(_) \
	_(save, "DOMAIN FILE|-", "save a running domain to an image") \
	_(checkpoint, "DOMAIN DIR", "save a domain that runs on, into a directory, once or periodically") \
	_(checkpoints, "DIR", "list the checkpoints in a directory, and what can be restored") \
	_(prune, "DIR", "remove checkpoints by rules; those that stay can be restored as before") \
	_(restore, "[CONFIG] FILE|DIR[@N]|-", "build a domain from an image and run it") \
	_(migrate, "DOMAIN HOST", "move a running domain to another host") \
	_(receive, "", "receive a domain from another host") \
	_(resolve, "[JOB]", "settle a migration that was cut short") \
	_(resume, "DOMAIN", "resume a suspended domain that no process works on") \
	_(inspect, "FILE|DIR[@N]|-", "show what is in an image") \
	_(verify, "FILE|DIR[@N]|-", "check an image without Xen") \
	_(merge, "FILE|DIR[@N] OUT|-", "make one full image of an increment and its parents") \
	_(cert, "init-ca|issue|show [HOST]", "make the certificates by which hosts know each other") \
	_(doctor, "[HOST]", "can this host, and HOST, do all that pvferry does, and what mends it") \
	_(metrics, "", "what the jobs of this host came to, for Prometheus") \
	_(stress, "DOMAIN", \
	  "save, restore, checkpoint, rewind and move it again and again, each page proven") \
	_(list, "", "domains here, their state, and whether they can be saved") \
	_(jobs, "", "migrations under way, and those that have ended") \
	_(cancel, "JOB", "cancel a job of pvferryd") \
	_(set, "JOB NAME=N...", "change a job's downtime or bandwidth") \
	_(completion, "bash|zsh", "print what that shell needs to complete pvferry's command lines")

struct command {
	const char *name;
	const char *operands; /* "DOMAIN FILE|-" */
	const char *summary;
	int (*run)(const struct command *self, int argc, char **argv);
};

/* Exit statuses; verify's differ, see its page. EXIT_UNSETTLED: a guest waits for `pvferry resolve`. */
enum { EXIT_DONE = 0, EXIT_NOT_DONE = 1, EXIT_USAGE = 2, EXIT_UNSETTLED = 3 };

extern const struct command commands[];
extern const unsigned int command_count;

/* NULL: there is no such command. */
const struct command *command_find(const char *name);
void command_print_help(const struct command *command);
void commands_print_help(void);

/* Takes an option that was given, with a value that is right by its row. False, having said why, if it is wrong all the same. */
typedef bool option_setter(void *settings, enum option_id option, const struct option_value *value);

/*
 * Goes through the options: what all commands share goes into `common`, the rest to set() (NULL: there is no more). Returns the index of
 * the first operand, or -1 after a usage error, or -2 if help was printed.
 */
int command_options(const struct command *self, int argc, char **argv, option_setter *set, void *settings);

/* What options that several commands have set. */
extern struct common_options {
	bool json;
	bool json_beside; /* standard output has the image: JSON goes to standard error */
	enum { PROGRESS_AUTO, PROGRESS_ON, PROGRESS_OFF } progress;
} common;

/* A text that is not an option's value but has to be as such: false, having said so, if it is not. The command has the option. */
bool parse_as(const char *command, enum option_id option, const char *text, struct option_value *value);

/* A copy in to[room]; false, having said so, if it has no room. option: its name, or what the text is ("HOST"). */
bool parse_text(const char *option, const char *value, char *to, size_t room);

/* A line, or several, of JSON, whose strings cannot act on a terminal. flags: JSON_C_TO_STRING_*. */
struct json_object;
void print_json(FILE *to, struct json_object *json, int flags);
/* Where the JSON of this command goes. */
FILE *json_output(void);

/* "pvferry: TEXT". Returns false, for a setter. */
bool say_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* After that: "pvferry save --help" and what it shows. Returns EXIT_USAGE. */
int say_hint(const char *command, const char *shows);
/* Both: "pvferry: save takes DOMAIN and FILE". Returns EXIT_USAGE. */
int say_usage(const struct command *self, const char *text);

/* "pvferry: save web1: REASON; OUTCOME". Returns EXIT_NOT_DONE. */
int say_failure(const char *doing, const char *whom, const char *outcome);

/* At the end, with --json: {"error":...}, if the command failed and has said so. cli/failure.c */
void failure_print(int status);
/* An object of the command's own has said why. */
void failure_told(void);

#define RUN(name, operands, summary) int run_##name(const struct command *self, int argc, char **argv);
COMMANDS(RUN)
#undef RUN
#endif
