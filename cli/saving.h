/*
 * One save of a domain that is found, from the lock on it to the image under its name, and what becomes of the domain
 * then: for pvferry save and pvferry checkpoint.
 */
#ifndef CLI_SAVING_H
#define CLI_SAVING_H

#include "cli/fate.h"
#include "cli/publish.h"
#include "cli/sending.h"
#include "migrate/sender.h"

struct saving {
	/* The caller's, set before saving_prepare(): */
	const char *command; /* "save", in messages */
	const char *whom;    /* a name or an id, as it was given */
	enum fate fate;
	bool without_devices, force;
	struct migrate_options *options;
	/* Ours: */
	uint64_t began_ns;
	uint32_t id;
	char *config; /* libxl's, of a domain with devices */
	struct publication file;
	bool is_published; /* it is under its name, whatever became of the domain */
	struct sender *sender;
	int lock; /* of the domain */
	/* The sender sees it too. */
	struct shared {
		struct sent sent;
		struct journal journal;
	} * shared;
};

/* The domain is found by that name or id, and no other process is at work on it. */
int saving_prepare(struct saving *saving, const char *name_or_id);
/*
 * Into saving->file, which the caller has opened. 0: the image is safe and the domain is what it is to be. A failure is
 * said, with what became of the domain.
 */
int saving_run(struct saving *saving);
/* In any case; what is not published goes. status: the command's, for its count of jobs. */
void saving_close(struct saving *saving, int status);

#endif
