/*
 * A guest is sent by a child process. The child and its parent watch each other:
 * after its last byte the child stays on a leash, a pipe, until its parent has
 * done with the guest what is to be done. Should either of them die at whatever
 * moment, the other one lets the guest run on; with options.runs_on the child has
 * resumed it before it wrote the end of the image, and no process does so again. While the guest is asked to
 * suspend or stopped its journal says so, for the case that both die.
 *
 * Mirror: restore/builder.h
 */
#ifndef MIGRATE_SENDER_H
#define MIGRATE_SENDER_H

#include "journal/journal.h"
#include "migrate/migrate.h"

struct sent {
	char name[256];
	enum p2m_form p2m;
	bool has_no_config; /* libxl kept none: the image has only what Xen and xenstore know of it */
	bool is_asked;	    /* the guest was asked to suspend, and no process has let it run on since */
	bool was_asked;	    /* at any time */
	bool is_suspended;  /* it has, and waits for the caller's word */
	bool has_ended;	    /* it shut down instead, or is gone */
	bool is_complete;   /* the last byte is written */
	struct migrate_figures figures;
	struct index_head index; /* of an image that has one */
};

/*
 * All stages of a migration whose guest is libxl's: options->suspend has it
 * suspended, and it is not resumed here. Waits for the child.
 */
int send_domain(struct sent *sent, uint32_t id, struct channel *to, const struct migrate_options *options);

struct sending {
	uint32_t id;
	struct channel *to; /* NULL: a socket, whose other end is sender_feed() */
	const struct migrate_options *options;
	/* Of the job: the child brings it to JOURNAL_SUSPENDING. Shared memory. */
	struct journal *journal;
	struct sent *sent; /* shared memory */
};

struct sender;
/* Starts the child; what the sending points to stays the caller's. */
int sender_start(struct sender **sender, const struct sending *sending);
/* To be read to its end, which comes when all is sent or the child has failed. */
int sender_feed(const struct sender *sender);
/* Waits for the end of the feed where no process reads it. */
void sender_wait(const struct sender *sender);
/*
 * At the end of the feed: 0 and the child waits on its leash, or why it is gone. The
 * guest then runs on, unless sent->is_asked is still true: is_suspended says which
 * it is, that it could not be resumed or that it may suspend yet (see source_stay()).
 */
int sender_finish(struct sender *sender);
/* The guest is the caller's alone: the child ends. Does not wait for that. */
int sender_release(struct sender *sender);
/* Stops whatever the child does; the guest runs on, as in send_domain(). */
void sender_abort(struct sender *sender);
/* Waits for the child, which was released, aborted or has failed. NULL is fine. */
void sender_close(struct sender *sender);

/* Resumes the guest or takes the request back, if it was asked; clears is_asked and is_suspended if it then runs, or has ended. */
void sender_let_go_on(uint32_t id, struct sent *sent);

#endif
