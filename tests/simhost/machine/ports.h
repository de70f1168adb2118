/*
 * Event channels.  A process of domain 0 hears of its ports through a named pipe
 * (event.PID.HANDLE in the host's directory, 4-byte port numbers), a guest through
 * the bits of its shared_info page.
 */
#ifndef SIMHOST_PORTS_H
#define SIMHOST_PORTS_H

#include "host.h"

/* Each gives a port number > 0 or -errno. */
int port_alloc_unbound(struct host *host, struct domain *domain, uint16_t remote_domid);
int port_bind_interdomain(struct host *host, struct domain *domain, uint16_t remote_domid,
			  uint32_t remote_port);
int port_bind_virq(struct host *host, struct domain *domain, uint32_t virq);

/* The process that hears of a port of domain 0. */
void port_set_listener(struct domain *domain, uint32_t port, uint32_t pid, uint32_t handle);

/* 0 or -EINVAL. */
int port_close(struct host *host, struct domain *domain, uint32_t port);
int port_send(struct host *host, struct domain *domain, uint32_t port);
int port_unmask(struct host *host, struct domain *domain, uint32_t port);

void port_raise_virq(struct host *host, uint32_t virq);

void port_pipe_path(char *path, size_t size, const struct host *host, uint32_t pid, uint32_t handle);

#endif
