/*
 * What a person, a CI and a program read of the rounds: TAP, or JSON a line each, on standard output; JUnit in a file;
 * and how long the domain stood still, as a distribution.
 */
#ifndef STRESS_RESULTS_H
#define STRESS_RESULTS_H

#include <stdio.h>

#include "stress/stress.h"

enum figure { FIGURE_STOPPED, FIGURE_SUSPEND, FIGURE_RESTORE, FIGURE_DOWNTIME, FIGURES };

/* One round, as it went. */
struct round {
	unsigned int number;
	enum stress_kind kind;
	enum stress_fault fault;
	bool is_on_second;	     /* the fault is to come over the restore, not the save */
	bool was_hit;		     /* and came before the end of what it came over */
	char text[512];		     /* the commands, without paths */
	double ms, figures[FIGURES]; /* ms; 0: not measured */
	uint64_t proven;	     /* pages */
	char reason[1024];	     /* of a failure; "": it passed */
};

struct results {
	bool as_json;
	const char *junit;
	unsigned int passed, failed, hits;
	uint64_t proven;
	double ms;
	struct samples {
		double *at;
		size_t count, room;
	} samples[FIGURES];
	FILE *cases; /* of JUnit, so far */
	char *cases_text;
	size_t cases_bytes;
};

int results_open(struct results *results, const struct stress_options *options);
void results_round(struct results *results, const struct round *round);
/* The summary; writes the JUnit file. */
int results_close(struct results *results, const char *domain);

const char *stress_word(const char *words, unsigned int which, char word[16]);

#endif
