/*
 * What the rest of the toolstack knows of a domain: its nodes in xenstore and
 * libxl's file with its config. With these in place xl lists, connects to,
 * saves and destroys the domain like one of its own.
 */
#ifndef MACHINE_REGISTRY_H
#define MACHINE_REGISTRY_H

#include "machine/config.h"
#include "machine/machine.h"

/*
 * Enters a domain that is being built: nodes and config. Takes as long as a
 * hundred questions to xenstored, and needs of connections only the ports.
 */
int registry_enter(struct domain *domain, const struct config *config, const struct connections *connections);
/* When it is built: tells where its pages are, and xenstored serves it. */
int registry_connect(struct domain *domain, const struct connections *connections);

/* Gives it another name, everywhere where its name stands. */
int registry_rename(struct domain *domain, const char *name);

/*
 * Destroys the domain and removes all that was entered of it, as far as it
 * was; but not what stands of its UUID if another domain has that too, as
 * when a guest moves from a host to the same host. Goes on after failures and
 * returns the first.
 */
int domain_demolish(struct domain *domain);
/* What is left of a domain of that name by a process that died between destroying it and this. */
int registry_sweep(struct host *host, const char *name);

#endif
