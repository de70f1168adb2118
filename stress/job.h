/*
 * One pvferry command as people run it: a process of its own, its lines kept in a log, its JSON taken. A fault from
 * outside may come over it: killed, stopped for a moment, on a disk that is full, its connection cut.
 */
#ifndef STRESS_JOB_H
#define STRESS_JOB_H

#include <limits.h>
#include <sys/types.h>

#include "stress/stress.h"

enum { JOB_WORDS = 24, JOB_SAID = 1024 };

struct job {
	const char *words[JOB_WORDS]; /* "save", "-c", ..., NULL */
	unsigned int count;
	char texts[JOB_WORDS][24]; /* of numbers among the words */
	/* What comes over it. */
	enum stress_fault fault;
	unsigned int after_ms; /* KILL, PAUSE, CUT */
	uint64_t most_bytes;   /* FULL: of each file */
	unsigned int whom;     /* KILL: of its processes; 0: the command itself */
	/* What became of it. */
	int status; /* as a shell has it */
	double ms;
	char said[JOB_SAID];	   /* the last line on standard error */
	struct json_object *facts; /* the last line of JSON on standard output; NULL */
	bool was_hit;		   /* the fault came before its end */
};

void job_add(struct job *job, const char *word);
void job_add_number(struct job *job, uint64_t number);

/* Runs it to its end. directory: for its output, of which all is added to the file "log" there. */
int job_run(struct job *job, const char *directory);
/* A number of its facts; 0 if the job printed no such number. */
double job_fact(const struct job *job, const char *name);
void job_release(struct job *job);

/*
 * The processes of jobs that have ended: this one inherits them. Waits until none is left but those that serve a
 * domain's devices; -ETIMEDOUT names one that stays.
 */
void jobs_inherit(void);
int jobs_wait_strays(void);

#endif
