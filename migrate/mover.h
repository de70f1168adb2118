/* What the files of the mover share: migrate/handover.c, migrate/send-image.c. */
#ifndef MIGRATE_MOVER_H
#define MIGRATE_MOVER_H

#include <xxhash.h>

#include "machine/toolstack.h"
#include "migrate/handover.h"
#include "migrate/lanes.h"
#include "migrate/pace.h"
#include "stream/front.h"
#include "stream/message.h"

enum { PIECE_BYTES = 256 << 10 }; /* of DATA */

struct mover {
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
int mover_fetch_offer(struct mover *mover);
/* Passes on what the sender writes, to its end, or the first failure. */
int mover_send(struct mover *mover);
/* What the other side says meanwhile: only that it is there, or that it has failed. */
int mover_hear(struct mover *mover);

#endif
