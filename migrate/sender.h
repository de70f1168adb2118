/*
 * A guest is sent by a child process: should it die at whatever moment, its
 * parent lets the guest go on.
 */
#ifndef MIGRATE_SENDER_H
#define MIGRATE_SENDER_H

#include "migrate/migrate.h"

struct sent {
	char name[256];
	enum p2m_form p2m;
	bool is_asked;	   /* the guest was asked to suspend */
	bool is_suspended; /* it has, and waits for the caller's word */
	struct migrate_figures figures;
};

/*
 * All stages of a migration. After a failure the guest runs on, as *sent
 * tells: is_suspended then means that it could not be resumed.
 */
int send_domain(struct sent *sent, uint32_t id, struct channel *to, const struct migrate_options *options);

#endif
