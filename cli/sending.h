/* What save and migrate ask of a person, and of the domain, in the same words. */
#ifndef CLI_SENDING_H
#define CLI_SENDING_H

#include "migrate/sender.h"
#include "text/options.h"

/* --level: a number, or "auto". */
int level_of(const struct option_value *value);

/* What the user and the command can put up with. */
struct movable {
	bool carries_devices, without_devices, force;
	bool has_devices; /* out: some that are carried */
};

/*
 * The domain's id and its name; and nothing in its way. The connection to Xen does not outlive this: the work is
 * done in other processes.
 */
int find_movable(const char *whom, struct movable *wish, uint32_t *id, char name[256]);

/*
 * What became of a domain that was not sent, for say_failure(). waiter: the process
 * that source_stay() has started, or 0. text has OUTCOME_BYTES.
 */
enum { OUTCOME_BYTES = 256 };
const char *sent_outcome(const struct sent *sent, pid_t waiter, char *text);

/* The guest was to run on, and may have been suspended meanwhile: see watch_resumed(). */
void watch_sent(uint32_t id, const struct sent *sent);

#endif
