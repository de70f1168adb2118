/*
 * What the files of a round share: round.c, what is drawn and done; round-command.c, one command of it; round-save.c,
 * round-chain.c, round-migrate.c, the kinds; round-mend.c, after a fault; round-check.c, what must be so afterwards.
 */
#ifndef STRESS_ROUND_PARTS_H
#define STRESS_ROUND_PARTS_H

#include "stress/command.h"
#include "stress/round.h"

#define SAVED "save.pvf"

/* A command's outcome, beside failures: a fault kept it from its end. */
enum { NOT_DONE = 1 };

/* Is the round's fault to come over this command, the first or the second? */
bool round_has_fault(const struct round *r, bool is_restore);
/* With it, at any moment of what such a command took last, and a little later. */
void command_arm(const struct stress *s, const struct round *r, struct draw *draw, struct command *command);
void command_begin(struct command *command, const char *name);
void command_add_threads(struct command *command, struct draw *draw);
/* 0, NOT_DONE, or a failure. */
int round_command(struct stress *s, struct round *r, struct command *command);
/* A command with one operand, over which no fault comes. */
int round_simple(struct stress *s, struct round *r, const char *name, const char *operand);

/* Removes a file of that name from the directory. */
void stress_drop(const struct stress *s, const char *name);

struct save_how {
	const char *file;   /* a name in the directory */
	const char *parent; /* a path; NULL */
	bool index, keeps;
};
int round_save(struct stress *s, struct round *r, struct draw *draw, const struct save_how *how);
int round_restore(struct stress *s, struct round *r, struct draw *draw, const char *file);
/* Takes the domain away, and brings back the state of the file, a name in the directory. */
int round_save_and_restore(struct stress *s, struct round *r, struct draw *draw, const char *file);
int round_copy(struct stress *s, struct round *r, struct draw *draw);

/* The file of the chain's image of that number. */
const char *chain_name(unsigned int which, char name[32]);
int round_checkpoint(struct stress *s, struct round *r, struct draw *draw);
int round_rewind(struct stress *s, struct round *r, struct draw *draw);

int round_migrate(struct stress *s, struct round *r, struct draw *draw);
/* A migration that was cut short is settled by its journals, which are both on this host. */
int resolve_moves(struct stress *s, struct round *r);

/* After a fault, by what pvferry's pages say to a person who finds the domain so. */
int round_mend(struct stress *s, struct round *r, struct draw *draw);

/* What must be so after each round. */
int round_check(struct stress *s);

#endif
