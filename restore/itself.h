/*
 * A guest that moves within this host: the one domain here that may have the
 * UUID of what is offered.
 */
#ifndef RESTORE_ITSELF_H
#define RESTORE_ITSELF_H

#include "machine/offer.h"

/*
 * The domain that offers itself; 0: the guest comes from another host, as far
 * as can be proved. What the other side says proves nothing: it may be a host
 * that is let in, and has learnt job and UUID when it was offered the guest
 * itself. Believed is the journal of a source on this host, of that job and
 * that UUID, and it must have been written at the other end of this very
 * connection.
 *
 * connection: see stream/connection.h.
 */
uint32_t offer_itself(const struct offer *offer, const char *connection);

#endif
