/* What the files of the destination session share: restore/handover.c, restore/take-offer.c, restore/take-image.c. */
#ifndef RESTORE_DESTINATION_SESSION_H
#define RESTORE_DESTINATION_SESSION_H

#include <xxhash.h>

#include "restore/handover.h"
#include "restore/lanes.h"
#include "restore/maker.h"
#include "restore/preflight.h"
#include "restore/receiver.h"

struct destination_session {
	struct take *take;
	struct take_status *status; /* take's */
	struct line line;	    /* to the receiver */
	struct child *receiver;
	struct joined lanes;
	uint64_t pieces; /* of DATA, so far */
	struct builder *builder;
	struct maker maker; /* of a guest with devices */
	uint32_t itself;    /* the domain here that is offered; 0: it comes from another host */
	uint8_t uuid[16];
	int name_lock, uuid_lock; /* of the domain to be; -1: none */
	int locks[3];		  /* all that the builder holds, too, should we die */
	char name[sizeof(((struct offer *)0)->domain) + sizeof(INCOMING_SUFFIX)];
	XXH64_state_t *hash;
	uint64_t bytes;	       /* of the image so far */
	uint64_t told_ns;      /* PROGRESS, when last */
	bool has_told_devices; /* that they are made */
	uint64_t taken;	       /* of those bytes the builder had read so many, when it was last told */
	uint64_t all_read_ns;  /* END */
};

/* Puts the stage into the journal. restore/handover.c */
int destination_session_note(struct destination_session *session, enum journal_stage stage);

/* Understands OFFER, hears POLICY, takes the locks and begins the journal; or a failure, and the guest is refused. */
int take_offer(struct destination_session *session, const struct message *offer);

/* Passes all DATA on to the builder, to END, or the first failure: -EPIPE, without a reason, is the builder's. */
int take_image(struct destination_session *session);
/* After take_image(): waits until the domain is complete, its devices too, and paused. restore/finish-building.c */
int finish_building(struct destination_session *session);
/* Keeps the line alive, tells how far we are, and says what the builder says. */
int take_tell(struct destination_session *session);

#endif
