/*
 * What pvferry is doing with a domain of this host, or has left undone: by the
 * journals, and by the locks that the processes of a job hold.
 */
#ifndef CLI_USE_H
#define CLI_USE_H

#include "journal/journal.h"
#include "xen/domain.h"

enum use_kind {
	USE_NONE,
	USE_SAVING,
	USE_LEAVING,	 /* it is being migrated to another host */
	USE_ARRIVING,	 /* it is being built, from another host */
	USE_UNRESOLVED,	 /* it waits here and may run elsewhere: a person decides */
	USE_INTERRUPTED, /* its job is not over, and no process of it is left */
	USE_KINDS
};

struct use {
	enum use_kind kind;
	struct journal
		journal; /* zero if the job has none: a save has one only while its guest is asked to suspend or stopped */
};

/* Changes nothing. A journal that cannot be read counts as none, and is said. */
void use_find(const struct domain_facts *facts, struct use *use);

/*
 * -EBUSY, with the description as its reason, if a job is at work on it or has left it in doubt: what a job of ours would hear
 * later, from the domain's lock, which does not say whose it is.
 */
int use_check(const struct domain_facts *facts);

/* One word for a table: "arriving"; "" if there is no use. */
const char *use_word(const struct use *use);

/* "it is being migrated to host2 (job abc72013)", with the command that settles it where there is one. */
void use_describe(const struct use *use, char *text, size_t room);

#endif
