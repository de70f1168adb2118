/*
 * The commands a person types. Each is a row of one table, which is
 * dispatcher and help text at once; each row's options are a table too.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "stream/pipeline.h"

struct option_row {
	char letter;	   /* what set() gets; printed as -x if it is a letter */
	const char *name;  /* --name */
	const char *value; /* "N": takes a value; NULL: does not */
	const char *help;
};

struct command {
	const char *name;
	const char *operands; /* "DOMAIN FILE|-" */
	const char *summary;
	const struct option_row *options; /* ends with a zero row */
	int (*run)(const struct command *self, int argc, char **argv);
};

/* Exit statuses; verify's differ, see its page. EXIT_UNSETTLED: a guest waits for `pvferry resolve`. */
enum { EXIT_DONE = 0, EXIT_NOT_DONE = 1, EXIT_USAGE = 2, EXIT_UNSETTLED = 3 };

/* Letters of options that have only a long name start here. */
enum { LONG_ONLY = 1 };

/*
 * Goes through the options, of which set() takes what is the command's own;
 * set() returns false, having said why, for a wrong value. Returns the index of
 * the first operand, or -1 after a usage error, or -2 if help was printed.
 */
int command_options(const struct command *self, int argc, char **argv,
		    bool (*set)(void *settings, int letter, const char *value), void *settings);

/* Options every command has. */
extern struct common_options {
	bool json;
	enum { PROGRESS_AUTO, PROGRESS_ON, PROGRESS_OFF } progress;
} common;

/* A whole number from least to most; false, having said so, for any other text. */
bool parse_number(const char *option, const char *text, long least, long most, long *value);

/* A copy in to[room]; false, having said so, if it has no room. option: its name, or what the text is ("HOST"). */
bool parse_text(const char *option, const char *value, char *to, size_t room);

/* A line, or several, of JSON, whose strings cannot act on a terminal. flags: JSON_C_TO_STRING_*. */
struct json_object;
void print_json(FILE *to, struct json_object *json, int flags);

/* "pvferry: save takes DOMAIN and FILE" and where to read more. Returns EXIT_USAGE. */
int say_usage(const struct command *self, const char *text);

/* "pvferry: save web1: REASON; OUTCOME". Returns EXIT_NOT_DONE. */
int say_failure(const char *doing, const char *whom, const char *outcome);

int run_save(const struct command *self, int argc, char **argv);
int run_restore(const struct command *self, int argc, char **argv);
int run_migrate(const struct command *self, int argc, char **argv);
int run_receive(const struct command *self, int argc, char **argv);
int run_resolve(const struct command *self, int argc, char **argv);
int run_resume(const struct command *self, int argc, char **argv);
int run_inspect(const struct command *self, int argc, char **argv);
int run_verify(const struct command *self, int argc, char **argv);
int run_merge(const struct command *self, int argc, char **argv);
int run_list(const struct command *self, int argc, char **argv);
int run_jobs(const struct command *self, int argc, char **argv);
int run_cancel(const struct command *self, int argc, char **argv);
int run_set(const struct command *self, int argc, char **argv);
int run_cert(const struct command *self, int argc, char **argv);
int run_doctor(const struct command *self, int argc, char **argv);
int run_metrics(const struct command *self, int argc, char **argv);
extern const struct option_row save_options[], restore_options[], migrate_options[], receive_options[],
	resolve_options[], resume_options[], inspect_options[], verify_options[], merge_options[],
	list_options[], jobs_options[], cancel_options[], set_options[], cert_options[], doctor_options[],
	metrics_options[];

#endif
