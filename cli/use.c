/* See use.h. */
#include "cli/use.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "machine/config.h"

/* A domain's number is used again by Xen, its UUID by a guest that comes back: only both, in this boot, are the domain. */
static bool is_of(const struct journal *journal, const struct domain_facts *facts)
{
	char uuid[37];

	uuid_format(facts->uuid, uuid);
	if (journal_is_settled(journal) || strcmp(journal->uuid, uuid) || !journal_is_of_this_boot(journal))
		return false;
	/* One that is being built is paused, and its journal does not have its number yet. */
	return journal->domid == facts->id ||
	       (!journal->domid && journal->role == JOURNAL_DESTINATION && facts->is_paused);
}

static enum use_kind kind_of(const struct journal *journal)
{
	bool is_source = journal->role == JOURNAL_SOURCE;

	if (!journal_is_at_work(journal))
		return is_source && journal->stage == JOURNAL_GO ? USE_UNRESOLVED : USE_INTERRUPTED;
	return journal_is_of_save(journal) ? USE_SAVING : is_source ? USE_LEAVING : USE_ARRIVING;
}

/* What is in doubt must be seen before anything else, so the order is that of the enum: the greatest wins. */
static unsigned int rank(enum use_kind kind)
{
	return kind == USE_UNRESOLVED ? USE_KINDS : kind;
}

void use_find(const struct domain_facts *facts, struct use *use)
{
	struct journal *list = NULL;
	size_t count = 0;

	*use = (struct use){ .kind = USE_NONE };
	if (journal_list(&list, &count)) {
		say(SAY_WARNING, "%s", fail_reason());
		fail_forget();
	}
	for (size_t i = 0; i < count; i++)
		if (is_of(&list[i], facts) && rank(kind_of(&list[i])) > rank(use->kind))
			*use = (struct use){ kind_of(&list[i]), list[i] };
	free(list);
	/* A job that died while its guest ran has left nothing to settle: the next save or migration takes its entry away. */
	if (use->kind == USE_INTERRUPTED && use->journal.role == JOURNAL_SOURCE && !facts->is_shut_down)
		use->kind = USE_NONE;
	/* A save has no journal while its guest runs, and a migration none before its offer: both hold the domain's lock. */
	if (use->kind == USE_NONE && journal_is_domain_held(facts->id))
		use->kind = USE_SAVING;
}

int use_check(const struct domain_facts *facts)
{
	struct use use;
	char text[512];

	use_find(facts, &use);
	use_describe(&use, text, sizeof(text));
	return use.kind == USE_NONE || use.kind == USE_INTERRUPTED ? 0 : fail(EBUSY, "%s", text);
}

const char *use_word(const struct use *use)
{
	static const char *const words[USE_KINDS] = { "",	  "busy",	"leaving",
						      "arriving", "unresolved", "interrupted" };

	return words[use->kind];
}

void use_describe(const struct use *use, char *text, size_t room)
{
	const struct journal *journal = &use->journal;
	const char *peer = *journal->peer ? journal->peer : "another host";

	switch (use->kind) {
	case USE_LEAVING:
		snprintf(text, room, "it is being migrated to %.200s (job %.8s)", peer, journal->job);
		break;
	case USE_ARRIVING:
		snprintf(text, room, "it is arriving from %.200s (job %.8s)", peer, journal->job);
		break;
	case USE_UNRESOLVED:
		snprintf(text, room,
			 "it waits here and may run on %.200s: \"pvferry resolve %.8s\"; do not destroy it",
			 peer, journal->job);
		break;
	case USE_INTERRUPTED:
		snprintf(text, room,
			 "job %.8s stopped it, and no process works on that job: \"pvferry resume\"",
			 journal->job);
		if (journal->role == JOURNAL_DESTINATION)
			snprintf(text, room,
				 "job %.8s brought it here, and no process works on that job: \"pvferry "
				 "resolve %.8s\"",
				 journal->job, journal->job);
		break;
	case USE_SAVING: snprintf(text, room, "%s", "another pvferry is saving or moving it"); break;
	default: *text = '\0';
	}
}
