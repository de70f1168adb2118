/* One command of a round: what of it is drawn, the fault that comes over it, and whether it may fail then. See round-parts.h. */
#include "stress/round-parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

bool round_has_fault(const struct round *r, bool is_restore)
{
	return r->fault != FAULT_NONE && r->is_on_second == is_restore;
}

/* At any moment of what such a command took last, and a little later. */
void command_arm(const struct stress *s, const struct round *r, struct draw *draw, struct command *command)
{
	double typical = s->typical_ms[r->is_on_second];

	command->fault = r->fault;
	command->after_ms = draw_below(draw, 1 + (uint64_t)(1.2 * typical));
	command->whom = draw_below(draw, 2) ? draw_below(draw, 16) : 0;
	command->most_bytes = (64 << 10) + draw_below(draw, s->stored_bytes);
}

/* What the round did, without the paths, which say nothing. */
static void note_words(struct round *r, const struct command *command)
{
	size_t length = strlen(r->text);

	for (unsigned int i = 1; i < command->count && length < sizeof(r->text); i++)
		if (*command->words[i] && !strchr(command->words[i], '/') &&
		    strcmp(command->words[i], "--json") != 0)
			length += snprintf(r->text + length, sizeof(r->text) - length, "%s%s",
					   length ? (i > 1 ? " " : "; ") : "", command->words[i]);
}

/* 0, NOT_DONE, or a failure. */
int round_command(struct stress *s, struct round *r, struct command *command)
{
	bool may_fail;
	int rc;

	note_words(r, command);
	command->words[command->count] = NULL;
	rc = command_run(command, s->directory);
	if (rc)
		return rc;
	may_fail = command->fault == FAULT_FULL ||
		   (command->was_hit && (command->fault == FAULT_KILL || command->fault == FAULT_CUT));
	r->was_hit |= command->was_hit || (command->fault == FAULT_FULL && command->status);
	if (!command->status || may_fail)
		return command->status ? NOT_DONE : 0;
	return fail(EUCLEAN, "pvferry %s: status %d: %s", command->words[1], command->status,
		    *command->said ? command->said : "it said nothing");
}

void command_begin(struct command *command, const char *name)
{
	*command = (struct command){ .fault = FAULT_NONE };
	command_add(command, "pvferry");
	command_add(command, name);
}

void command_add_threads(struct command *command, struct draw *draw)
{
	command_add(command, "--threads");
	command_add_number(command, 1 + draw_below(draw, 4));
}

int round_simple(struct stress *s, struct round *r, const char *name, const char *operand)
{
	struct command command;
	int rc;

	command_begin(&command, name);
	command_add(&command, operand);
	rc = round_command(s, r, &command);
	command_release(&command);
	return rc;
}
