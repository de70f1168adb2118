/* Rounds that move the domain, to this host itself: the receiver is started in the place of ssh. See round-parts.h. */
#include "stress/round-parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "journal/journal.h"

int round_migrate(struct stress *s, struct round *r, struct draw *draw)
{
	char self[PATH_MAX], receiver[PATH_MAX + 32];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct command command;
	int rc;

	snprintf(receiver, sizeof(receiver), "%.*s receive --prove", (int)(length < 0 ? 0 : length), self);
	command_begin(&command, "migrate");
	command_add(&command, "--json");
	command_add_threads(&command, draw);
	command_add(&command, "--via");
	command_add(&command, "ssh");
	command_add(&command, "--ssh");
	command_add(&command, "");
	command_add(&command, s->name);
	command_add(&command, receiver);
	if (round_has_fault(r, false))
		command_arm(s, r, draw, &command);
	rc = round_command(s, r, &command);
	if (!rc) {
		r->figures[FIGURE_DOWNTIME] = command_fact(&command, "downtime");
		r->figures[FIGURE_SUSPEND] = command_fact(&command, "suspend-time");
		s->typical_ms[0] = command.ms;
	}
	command_release(&command);
	return rc;
}

/* A migration that was cut short is settled by its journals, which are both on this host. */
int resolve_moves(struct stress *s, struct round *r)
{
	struct journal *list = NULL;
	size_t count = 0;
	int rc = journal_list(&list, &count);

	for (size_t i = 0; !rc && i < count; i++)
		if (!journal_is_settled(&list[i]) && list[i].role == JOURNAL_SOURCE)
			rc = round_simple(s, r, "resolve", list[i].job);
	free(list);
	return rc;
}
