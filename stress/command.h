/*
 * One pvferry command as people run it: a process of its own, its lines kept in a log, its JSON taken. A fault from
 * outside may come over it: killed, stopped for a moment, on a disk that is full, its connection cut.
 */
#ifndef STRESS_COMMAND_H
#define STRESS_COMMAND_H

#include <limits.h>
#include <sys/types.h>

#include "stress/stress.h"

enum { COMMAND_WORDS = 24, COMMAND_SAID = 1024 };

struct command {
	const char *words[COMMAND_WORDS]; /* "save", "-c", ..., NULL */
	unsigned int count;
	char texts[COMMAND_WORDS][24]; /* of numbers among the words */
	/* What comes over it. */
	enum stress_fault fault;
	unsigned int after_ms; /* KILL, PAUSE, CUT */
	uint64_t most_bytes;   /* FULL: of each file */
	unsigned int whom;     /* KILL: of its processes; 0: the command itself */
	/* What became of it. */
	int status; /* as a shell has it */
	double ms;
	char said[COMMAND_SAID];   /* the last line on standard error */
	struct json_object *facts; /* the last line of JSON on standard output; NULL */
	bool was_hit;		   /* the fault came before its end */
};

void command_add(struct command *command, const char *word);
void command_add_number(struct command *command, uint64_t number);

/* Runs it to its end. directory: for its output, of which all is added to the file "log" there. */
int command_run(struct command *command, const char *directory);
/* A number of its facts; 0 if the command printed no such number. */
double command_fact(const struct command *command, const char *name);
void command_release(struct command *command);

/*
 * The processes of commands that have ended: this one inherits them. Waits until none is left but those that serve a
 * domain's devices; -ETIMEDOUT names one that stays.
 */
void strays_inherit(void);
int strays_wait(void);

#endif
