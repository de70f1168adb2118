/*
 * pvferry stress: round after round, in a mix drawn from a seed, a domain is saved, restored, checkpointed, rewound and
 * moved, by pvferry's own commands, as people run them. Each page of each domain that is built is proven; after each
 * round the domain must run and the host be as it was.
 *
 *	stress.c   the rounds        draw.c   what is drawn        round.c   one round; its kinds, faults and proofs: round-*.c
 *	command.c  one command       host.c   the domain, leaks    results.c TAP, JSON, JUnit, histograms
 */
#ifndef STRESS_STRESS_H
#define STRESS_STRESS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum stress_kind { STRESS_SAVE, STRESS_COPY, STRESS_CHECKPOINT, STRESS_REWIND, STRESS_MIGRATE, STRESS_KINDS };
/* In the order of --mix and --faults, with blanks between them: text/options.c has them, too. */
#define STRESS_KIND_WORDS "save copy checkpoint rewind migrate"
enum stress_fault { FAULT_KILL, FAULT_PAUSE, FAULT_FULL, FAULT_CUT, FAULTS, FAULT_NONE = FAULTS };
#define STRESS_FAULT_WORDS "kill pause full cut"

struct stress_options {
	const char *domain;
	uint64_t seed;
	unsigned int rounds, seconds; /* seconds: 0: no limit */
	unsigned int pause_ms;	      /* at most, between two commands */
	unsigned int weights[STRESS_KINDS];
	unsigned int faults; /* bit by enum stress_fault */
	const char *directory, *junit, *check;
	bool as_json;
};

/* "save=2,copy=1": false, if it is not that. What is not named has weight 0. */
bool stress_parse_mix(const char *text, unsigned int weights[STRESS_KINDS]);

/* All rounds: 0, 1 if one failed; or -errno, if they could not be begun. */
int stress_run(const struct stress_options *options);

#endif
