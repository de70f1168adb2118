/*
 * In place of libxenevtchn.  A handle is a named pipe that it reads its ports from.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenevtchn.h>

#include "../machine/domain.h"
#include "../machine/ports.h"
#include "fault.h"
#include "process.h"

struct xenevtchn_handle {
	int fd;
	uint32_t pid, number;
	char path[PATH_MAX + 32];
};

EXPORT xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned flags)
{
	struct host *host = process_host();
	xenevtchn_handle *handle = host ? calloc(1, sizeof(*handle)) : NULL;
	static uint32_t numbers;

	(void)logger;
	if (!handle)
		return NULL;
	handle->pid = getpid();
	handle->number = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
	port_pipe_path(handle->path, sizeof(handle->path), host, handle->pid, handle->number);
	unlink(handle->path);
	handle->fd = mkfifo(handle->path, 0600)
			   ? -1
			   : open(handle->path,
				  O_RDWR | O_NONBLOCK | (flags & XENEVTCHN_NO_CLOEXEC ? 0 : O_CLOEXEC));
	if (handle->fd < 0) {
		free(handle);
		return NULL;
	}
	return handle;
}

EXPORT xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned flags)
{
	(void)logger, (void)fd, (void)flags;
	errno = ENOSYS;
	return NULL;
}

static bool is_ours(const xenevtchn_handle *handle, const struct port *port)
{
	return port->state != PORT_CLOSED && port->pid == handle->pid && port->handle == handle->number;
}

EXPORT int xenevtchn_close(xenevtchn_handle *handle)
{
	struct host *host = process_host();
	struct domain *domain;

	if (!handle || !host)
		return 0;
	host_lock(host);
	domain = domain_find(host, 0);
	for (uint32_t i = 1; i <= domain->max_port; i++)
		if (is_ours(handle, &domain->ports[i]))
			port_close(host, domain, i);
	host_unlock(host);
	close(handle->fd);
	unlink(handle->path);
	free(handle);
	return 0;
}

EXPORT int xenevtchn_fd(xenevtchn_handle *handle)
{
	return handle->fd;
}

enum what { SEND, BIND_UNBOUND, BIND_INTERDOMAIN, BIND_VIRQ, UNBIND, UNMASK };

static int operate(struct host *host, struct domain *domain, enum what what, uint32_t a, uint32_t b)
{
	switch (what) {
	case SEND: return port_send(host, domain, a);
	case BIND_UNBOUND: return port_alloc_unbound(host, domain, a);
	case BIND_INTERDOMAIN: return port_bind_interdomain(host, domain, a, b);
	case BIND_VIRQ: return port_bind_virq(host, domain, a);
	case UNBIND: return port_close(host, domain, a);
	case UNMASK: return port_unmask(host, domain, a);
	}
	return -ENOSYS;
}

static bool needs_ownership(enum what what)
{
	return what == SEND || what == UNBIND || what == UNMASK;
}

static int evtchn(xenevtchn_handle *handle, enum what what, uint32_t a, uint32_t b)
{
	struct host *host = process_host();
	struct domain *domain;
	int ret = fault_at("event_channel");

	if (ret)
		return process_result(ret);
	host_lock(host);
	domain = domain_find(host, 0);
	if (needs_ownership(what) && (a >= PORTS_MAX || !is_ours(handle, &domain->ports[a])))
		ret = -ENOTCONN;
	else
		ret = operate(host, domain, what, a, b);
	if (ret > 0 && !needs_ownership(what))
		port_set_listener(domain, ret, handle->pid, handle->number);
	host_unlock(host);
	return process_result(ret);
}

EXPORT int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
	return evtchn(handle, SEND, port, 0);
}

EXPORT xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *handle, uint32_t domid)
{
	return evtchn(handle, BIND_UNBOUND, domid, 0);
}

EXPORT xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *handle, uint32_t domid,
							    evtchn_port_t port)
{
	return evtchn(handle, BIND_INTERDOMAIN, domid, port);
}

EXPORT xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *handle, unsigned virq)
{
	return evtchn(handle, BIND_VIRQ, virq, 0);
}

EXPORT int xenevtchn_unbind(xenevtchn_handle *handle, evtchn_port_t port)
{
	return evtchn(handle, UNBIND, port, 0);
}

EXPORT int xenevtchn_unmask(xenevtchn_handle *handle, evtchn_port_t port)
{
	/* As Linux's driver: a port that was closed meanwhile is no error. */
	evtchn(handle, UNMASK, port, 0);
	return 0;
}

/* The real device blocks here; so does this. */
EXPORT xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *handle)
{
	int flags = fcntl(handle->fd, F_GETFL);
	uint32_t port;
	ssize_t got;

	fcntl(handle->fd, F_SETFL, flags & ~O_NONBLOCK);
	got = read(handle->fd, &port, sizeof(port));
	fcntl(handle->fd, F_SETFL, flags);
	if (got != sizeof(port))
		return -1;
	return port;
}

EXPORT int xenevtchn_restrict(xenevtchn_handle *handle, domid_t domid)
{
	(void)handle, (void)domid;
	errno = EOPNOTSUPP;
	return -1;
}
