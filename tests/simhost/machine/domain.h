/*
 * Domains: made paused and empty, started by the first unpause, gone when the
 * last reference to the last of their frames is.
 */
#ifndef SIMHOST_DOMAIN_H
#define SIMHOST_DOMAIN_H

#include "host.h"

void domain_init_table(struct host *host);

/* Domain 0 has so many of the free frames, which no allocation gets. */
void domain_set_privileged_frames(struct host *host, uint64_t frames);

/* Domain 0, which the processes of the host act for. */
int domain_create_privileged(struct host *host);

/* domid: wanted, or 0 for any.  -EINVAL, -EEXIST, -ENOMEM, -E2BIG as Xen. */
int domain_create(struct host *host, uint16_t domid, const struct xen_domctl_createdomain *config,
		  struct domain **made);

/* NULL if there is none; _any also finds those that are dying. */
struct domain *domain_find(struct host *host, uint16_t domid);
struct domain *domain_find_any(struct host *host, uint16_t domid);

/* Ends what a killed process has begun to destroy, and gives back what dead processes had mapped of it. */
void domain_end_dying(struct host *host);
/* The one with the lowest domid from that on, dying or not; NULL: none. */
struct domain *domain_next(struct host *host, uint32_t from);

/* The domain's tables, pins and frames go; the rest when nobody refers to them. */
void domain_destroy(struct host *host, struct domain *domain);
void domain_forget_if_gone(struct host *host, struct domain *domain);

void domain_info(struct host *host, const struct domain *domain, struct xen_domctl_getdomaininfo *info);

void domain_pause(struct domain *domain);
int domain_unpause(struct domain *domain); /* -EINVAL: not paused */
bool domain_runs(const struct domain *domain);

/* The guest stops itself; whoever watches hears of it. */
void domain_shutdown(struct host *host, struct domain *domain, uint8_t code);
void domain_resume(struct domain *domain);

int domain_set_address_size(struct host *host, struct domain *domain, unsigned bits);

/* Grows the grant table: 0, -ENOSPC beyond the limit, -ENOMEM. */
int domain_grow_grants(struct host *host, struct domain *domain, uint32_t nr_frames);

#endif
