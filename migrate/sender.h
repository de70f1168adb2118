/*
 * A guest is sent by a child process: should it die at whatever moment, its
 * parent lets the guest go on.
 *
 * When a guest moves, its parent may die too, so that the child stays, after
 * its last byte, on a leash until the parent has taken the guest over; if the
 * leash breaks it is the child that lets the guest go on.
 *
 * Mirror: restore/builder.h
 */
#ifndef MIGRATE_SENDER_H
#define MIGRATE_SENDER_H

#include "migrate/migrate.h"

struct sent {
	char name[256];
	enum p2m_form p2m;
	bool has_no_config; /* libxl kept none: the image has only what Xen and xenstore know of it */
	bool is_asked;	    /* the guest was asked to suspend, and nobody has let it go on since */
	bool was_asked;	    /* at any time */
	bool is_suspended;  /* it has, and waits for the caller's word */
	bool is_complete;   /* the last byte is written */
	struct migrate_figures figures;
};

/*
 * All stages of a migration. After a failure the guest runs on, as *sent
 * tells: is_suspended then means that it could not be resumed. Where
 * options->suspend has it suspended it is its caller's to resume, by
 * sender_let_go_on() or otherwise.
 */
int send_domain(struct sent *sent, uint32_t id, struct channel *to, const struct migrate_options *options);

/* The same in steps, the bytes going through a socket; sent is shared memory, options stay the caller's. */
struct sender;
int sender_start(struct sender **sender, struct sent *sent, uint32_t id,
		 const struct migrate_options *options);
/* The caller's end, to be read to its end, which comes when all is sent or the child has failed. */
int sender_feed(const struct sender *sender);
/* At the end of the feed: 0 and the child waits on its leash, or why it is gone; the guest then runs on. */
int sender_finish(struct sender *sender);
/* The guest is the caller's: the child ends. Does not wait for that. */
int sender_release(struct sender *sender);
/* Stops whatever the child does; the guest runs on, as in send_domain(). */
void sender_abort(struct sender *sender);
/* Waits for the child, which was released, aborted or has failed. NULL is fine. */
void sender_close(struct sender *sender);

/*
 * Somebody who asked the guest to suspend is gone: it is not to wait for him.
 * Clears is_suspended if it goes on.
 */
void sender_let_go_on(uint32_t id, struct sent *sent);

#endif
