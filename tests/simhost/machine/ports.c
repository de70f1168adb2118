/*
 * Event channels between domains.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "domain.h"
#include "ports.h"

static struct port *port_of(struct domain *domain, uint32_t number)
{
	if (!number || number > domain->max_port || number >= PORTS_MAX)
		return NULL;
	return &domain->ports[number];
}

static int free_port(struct domain *domain)
{
	for (uint32_t i = 1; i <= domain->max_port; i++)
		if (domain->ports[i].state == PORT_CLOSED)
			return i;
	return -ENOSPC;
}

int port_alloc_unbound(struct host *host, struct domain *domain, uint16_t remote_domid)
{
	int number = free_port(domain);

	(void)host;
	if (number > 0)
		domain->ports[number] = (struct port){
			.state = PORT_UNBOUND,
			.remote_domid = remote_domid,
		};
	return number;
}

int port_bind_interdomain(struct host *host, struct domain *domain, uint16_t remote_domid,
			  uint32_t remote_port)
{
	struct domain *remote = domain_find(host, remote_domid);
	struct port *theirs;
	int number;

	if (!remote)
		return -ESRCH;
	theirs = port_of(remote, remote_port);
	if (!theirs || theirs->state != PORT_UNBOUND || theirs->remote_domid != domain->domid)
		return -EINVAL;
	number = free_port(domain);
	if (number < 0)
		return number;
	domain->ports[number] = (struct port){
		.state = PORT_INTERDOMAIN,
		.remote_domid = remote_domid,
		.remote_port = remote_port,
	};
	theirs->state = PORT_INTERDOMAIN;
	theirs->remote_port = number;
	return number;
}

void port_pipe_path(char *path, size_t size, const struct host *host, uint32_t pid, uint32_t handle)
{
	snprintf(path, size, "%s/event.%u.%u", host->path, pid, handle);
}

static int open_pipe(const struct host *host, const struct port *port)
{
	char path[PATH_MAX + 32];

	port_pipe_path(path, sizeof(path), host, port->pid, port->handle);
	return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

static bool listener_is_dead(const struct host *host, const struct port *port)
{
	int fd = open_pipe(host, port);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

int port_bind_virq(struct host *host, struct domain *domain, uint32_t virq)
{
	int number;

	for (uint32_t i = 1; i <= domain->max_port; i++) {
		struct port *port = &domain->ports[i];

		if (port->state != PORT_VIRQ || port->virq != virq)
			continue;
		if (!listener_is_dead(host, port))
			return -EEXIST;
		port->state = PORT_CLOSED;
	}
	number = free_port(domain);
	if (number > 0)
		domain->ports[number] = (struct port){ .state = PORT_VIRQ, .virq = virq };
	return number;
}

void port_set_listener(struct domain *domain, uint32_t number, uint32_t pid, uint32_t handle)
{
	domain->ports[number].pid = pid;
	domain->ports[number].handle = handle;
}

int port_close(struct host *host, struct domain *domain, uint32_t number)
{
	struct port *port = port_of(domain, number);
	struct domain *remote;

	if (!port || port->state == PORT_CLOSED)
		return -EINVAL;
	remote = port->state == PORT_INTERDOMAIN ? domain_find_any(host, port->remote_domid) : NULL;
	if (remote) {
		struct port *theirs = &remote->ports[port->remote_port];

		theirs->state = PORT_UNBOUND;
		theirs->remote_domid = domain->domid;
		theirs->remote_port = 0;
	}
	port->state = PORT_CLOSED;
	return 0;
}

static void tell_guest(struct host *host, struct domain *domain, uint32_t number)
{
	unsigned bits = domain->is_32bit ? 32 : 64;
	uint64_t at = domain->is_32bit ? offsetof(struct shared_info_x86_32, evtchn_pending)
				       : offsetof(struct shared_info_x86_64, evtchn_pending);
	uint8_t *page = host_page(host, domain->shared_info);

	page[at + number / 8] |= 1u << (number % 8);
	/* vcpu_info[0]: upcall pending at byte 0, the selector at its third word */
	page[0] = 1;
	if (bits == 64)
		*(uint64_t *)(page + 8) |= 1ul << (number / bits);
	else
		*(uint32_t *)(page + 4) |= 1u << (number / bits);
}

static void tell_process(struct host *host, struct port *port, uint32_t number)
{
	int fd;

	if (!port->pid)
		return;
	if (port->masked) {
		port->pending = true;
		return;
	}
	port->masked = true;
	fd = open_pipe(host, port);
	if (fd < 0)
		return;
	if (write(fd, &number, sizeof(number)) != sizeof(number))
		port->pending = true;
	close(fd);
}

static void deliver(struct host *host, struct domain *domain, uint32_t number)
{
	if (domain->privileged)
		tell_process(host, &domain->ports[number], number);
	else
		tell_guest(host, domain, number);
}

int port_send(struct host *host, struct domain *domain, uint32_t number)
{
	struct port *port = port_of(domain, number);
	struct domain *remote;

	if (!port || port->state == PORT_CLOSED || port->state == PORT_VIRQ)
		return -EINVAL;
	if (port->state == PORT_UNBOUND)
		return 0;
	remote = domain_find_any(host, port->remote_domid);
	if (remote)
		deliver(host, remote, port->remote_port);
	return 0;
}

int port_unmask(struct host *host, struct domain *domain, uint32_t number)
{
	struct port *port = port_of(domain, number);

	if (!port || port->state == PORT_CLOSED)
		return -EINVAL;
	port->masked = false;
	if (port->pending) {
		port->pending = false;
		deliver(host, domain, number);
	}
	return 0;
}

void port_raise_virq(struct host *host, uint32_t virq)
{
	struct domain *domain = domain_find(host, 0);

	for (uint32_t i = 1; domain && i <= domain->max_port; i++)
		if (domain->ports[i].state == PORT_VIRQ && domain->ports[i].virq == virq)
			deliver(host, domain, i);
}
