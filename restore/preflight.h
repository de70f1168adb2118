/* Whatever can be known to stand in the way before there is a domain. */
#ifndef RESTORE_PREFLIGHT_H
#define RESTORE_PREFLIGHT_H

#include "machine/offer.h"
#include "restore/restore.h"
#include "stream/message.h"

/* What a domain is called until it may run. */
#define INCOMING_SUFFIX "--incoming"

/* The image's config is one we can follow; takes the name from the options. */
int preflight_config(struct restoration *restoration);
/* The host has room: for the name, and the memory. A UUID that is in use is replaced. */
int preflight_host(struct restoration *restoration);

/* Is so much memory free? If not, domain 0 may give it: the last of all that is looked at. maker: may be NULL. */
int preflight_memory(struct host *host, uint64_t frames, const struct domain_maker *maker);

/* Lets go of the name and the UUID: the domain is entered, or was not made. */
void preflight_end(struct restoration *restoration);

/* The same of a guest that is offered, but for its memory; itself: the domain, if it is one of this host, else 0; policy: POLICY. */
int preflight_offer(struct host *host, const struct offer *offer, uint32_t itself,
		    const struct message *policy);

#endif
