/* What the files of the source session share: migrate/handover.c, migrate/send-image.c. */
#ifndef MIGRATE_SOURCE_SESSION_H
#define MIGRATE_SOURCE_SESSION_H

#include <xxhash.h>

#include "machine/toolstack.h"
#include "migrate/handover.h"
#include "migrate/lanes.h"
#include "migrate/pace.h"
#include "stream/front.h"
#include "stream/message.h"

enum { PIECE_BYTES = 256 << 10 }; /* of DATA */

struct source_session {
	struct move *move;
	struct move_status *status; /* move's */
	struct line line;	    /* to the speaker */
	struct child *speaker;
	struct bytes policy;
	struct sender *sender;
	struct toolstack toolstack; /* of a guest with devices: brings them to rest */
	struct lanes lanes;
	uint64_t pieces; /* of DATA, so far */
	struct pace pace;
	XXH64_state_t *hash;
	struct message_end end; /* so far */
	uint8_t *piece;		/* a header's room, then PIECE_BYTES */
};

/* Fills in the offer and the policy. */
int source_session_fetch_offer(struct source_session *session);
/* Passes on what the sender writes, to its end, or the first failure. */
int source_session_send(struct source_session *session);
/* What the other side says meanwhile: only that it is there, or that it has failed. */
int source_session_hear(struct source_session *session);

#endif
