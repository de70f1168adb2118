/*
 * `pvferry doctor HOST` asks another host what it is like: nothing is sent that a guest is made of,
 * and nothing is changed there. The other host lets in for this whom it lets in for a guest.
 *
 * Mirror: restore/consult.h
 */
#ifndef MIGRATE_CONSULT_H
#define MIGRATE_CONSULT_H

#include "stream/bytes.h"
#include "stream/connect.h"
#include "stream/message.h"

struct consultation {
	bool is_let_in;		     /* reached, with a certificate that both sides accept */
	struct message_condition is; /* what it said first */
	char lack[512];	     /* the CPU features that it lacks, as a sentence; "": none, or not asked */
	uint64_t latency_us; /* there and back, the shortest of several */
	uint64_t
		bytes_per_second; /* as fast as a migration over one connection could send, uncompressed; 0: not measured */
};

/*
 * policy: POLICY as in an offer, the most that a PV guest is shown here; NULL: it is not compared.
 * -ECONNABORTED: it lets us in, but knows no such question.
 */
int consult(const struct peer *peer, const struct bytes *policy, struct consultation *consultation);

struct front;
/* In the speaker: CONDITION for its parent. */
int consult_tell(struct front *front, const struct message *message);

#endif
