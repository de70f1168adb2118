/*
 * See connect.h. From a host's name to a connection over which both sides know who the other is, and from a listening
 * socket to the same. In: struct peer, or a descriptor. Out: struct line. The trap: "prepare" may be done with
 * privileges, "shake" reads what the other side sends and is done without (stream/front.h).
 */
#include "stream/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "process/stop.h"
#include "stream/pki.h"
#include "stream/tls.h"

enum { DIAL_MS = 10000 };

static const char *const via_names[] = { [VIA_TLS] = "tls", [VIA_SSH] = "ssh", [VIA_TCP] = "tcp" };

const char *via_name(enum via via)
{
	return via_names[via];
}

bool via_parse(const char *name, enum via *via)
{
	for (*via = VIA_TLS; *via <= VIA_TCP; ++*via)
		if (!strcmp(name, via_names[*via]))
			return true;
	return false;
}

const char *pki_default(void)
{
	const char *own = secure_getenv("PVFERRY_PKI");

	return own ? own : PKI_DEFAULT;
}

/* --- sockets ------------------------------------------------------------- */

/* 1 ready, 0 the time is over, or a failure. */
static int wait_for(int fd, short events, int timeout_ms)
{
	struct pollfd fds[2] = { { .fd = fd, .events = events }, { .fd = stop_fd(), .events = POLLIN } };
	int rc;

	do {
		rc = stop_requested();
		if (rc)
			return rc;
		rc = poll(fds, 2, timeout_ms);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return fail_errno("poll");
	rc = stop_requested();
	return rc ? rc : fds[0].revents != 0;
}

/* Buffers are left to the kernel, which lets them grow with the way there; a size of ours would end that. */
static void tune(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* To one of the addresses: the socket, or -errno without a reason. */
static int dial(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0, rc;
	socklen_t room = sizeof(error);

	if (fd < 0)
		return -errno;
	if (connect(fd, address->ai_addr, address->ai_addrlen) && errno != EINPROGRESS) {
		error = errno;
	} else {
		rc = wait_for(fd, POLLOUT, DIAL_MS);
		error = rc < 0 ? -rc : rc ? 0 : ETIMEDOUT;
		if (!error)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &room);
	}
	if (!error)
		return fd;
	close(fd);
	return -error;
}

static int dial_any(const struct peer *peer, int *fd)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *addresses;
	char port[16];
	int rc;

	snprintf(port, sizeof(port), "%u", peer->port);
	rc = getaddrinfo(peer->host, port, &hints, &addresses);
	if (rc)
		return fail(EHOSTUNREACH, "cannot find the host %s: %s", peer->host, gai_strerror(rc));
	/* A host may have several addresses, of which some do not answer: the error of the last one is told. */
	rc = -EHOSTUNREACH;
	for (struct addrinfo *each = addresses; each && rc < 0 && rc != -ECANCELED; each = each->ai_next)
		rc = dial(each);
	freeaddrinfo(addresses);
	if (rc < 0)
		return fail(-rc, "cannot connect to %s, port %u: %s%s", peer->host, peer->port, strerror(-rc),
			    rc == -ECONNREFUSED ? ": does pvferryd run there, with \"allow\" set?"
			    : rc == -ETIMEDOUT	? ": does a firewall drop this port?"
						: "");
	*fd = rc;
	tune(*fd);
	return 0;
}

static int shake_hands(struct line *line)
{
	int rc = tls_shake_hands(line->tls, line->handshake_ms);

	line->heard_ns = line->said_ns = line_now();
	if (rc && !tls_is_open(line->tls))
		line_hang_up(line);
	return rc;
}

static int connect_socket(struct line *line, const struct peer *peer)
{
	int fd = -1, rc = peer->via == VIA_TLS ? pki_check(peer->pki) : 0;

	if (!rc)
		rc = dial_any(peer, &fd);
	if (!rc)
		rc = line_init(line, fd, fd, peer->host);
	if (rc || peer->via == VIA_TCP)
		return rc;
	rc = tls_client(&line->tls, fd, peer->pki, peer->host);
	if (rc)
		line_hang_up(line);
	return rc;
}

/* --- ssh ----------------------------------------------------------------- */

/* Ctrl-C is for us: a line that breaks at the wrong moment would leave the guest in doubt. */
static void run_ssh(const struct peer *peer, int in, int out)
{
	char command[300];

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(127);
	if (*peer->ssh)
		snprintf(command, sizeof(command), "exec %s \"$1\" pvferry receive", peer->ssh);
	execl("/bin/sh", "sh", "-c", *peer->ssh ? command : peer->host, "sh", peer->host, (char *)NULL);
	_exit(127);
}

static int connect_ssh(struct line *line, const struct peer *peer)
{
	int there[2], back[2], rc;

	if (pipe2(there, O_CLOEXEC))
		return fail_errno("cannot make a pipe");
	if (pipe2(back, O_CLOEXEC)) {
		close(there[0]);
		close(there[1]);
		return fail_errno("cannot make a pipe");
	}
	/* The image goes there, only short messages come back. */
	fcntl(there[1], F_SETPIPE_SZ, 1 << 20);
	fcntl(back[0], F_SETPIPE_SZ, 1 << 16);
	rc = line_init(line, back[0], there[1], *peer->ssh ? peer->host : "the other host");
	line->helper = fork();
	if (!line->helper)
		run_ssh(peer, there[0], back[1]);
	close(there[0]);
	close(back[1]);
	if (line->helper > 0)
		return rc;
	line->helper = 0;
	return fail_errno("cannot start ssh");
}

int connect_prepare_to(struct line *line, const struct peer *peer)
{
	int rc;

	*line = (struct line){ .in = -1, .out = -1 };
	if (!*peer->host || (*peer->host == '-' && *peer->ssh))
		return fail(EINVAL, "\"%s\" is not a valid host name", peer->host);
	rc = peer->via == VIA_SSH ? connect_ssh(line, peer) : connect_socket(line, peer);
	if (peer->idle_seconds) {
		line->idle_seconds = peer->idle_seconds;
		line->handshake_ms = peer->idle_seconds * 1000;
	}
	return rc;
}

int connect_shake(struct line *line)
{
	return line->tls ? shake_hands(line) : 0;
}

/* --- the other side -------------------------------------------------------- */

static int split_address(const char *text, char *host, size_t room, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (!colon || length >= room || !colon[1])
		return fail(EINVAL, "\"%s\" is not ADDRESS:PORT", text);
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	memcpy(host, text, length);
	host[length] = '\0';
	*port = colon + 1;
	return 0;
}

static int listen_at(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(fd, address->ai_addr, address->ai_addrlen) && !listen(fd, 8))
		return fd;
	on = -errno;
	close(fd);
	return on;
}

static unsigned int port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t room = sizeof(address);
	char port[16];

	if (getsockname(fd, (struct sockaddr *)&address, &room) ||
	    getnameinfo((struct sockaddr *)&address, room, NULL, 0, port, sizeof(port), NI_NUMERICSERV))
		return 0;
	return strtoul(port, NULL, 10);
}

int connect_listen(const char *text, int *fd, unsigned int *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *addresses;
	const char *service = NULL;
	char host[256];
	int rc = split_address(text, host, sizeof(host), &service);

	if (rc)
		return rc;
	rc = getaddrinfo(*host ? host : NULL, service, &hints, &addresses);
	if (rc)
		return fail(EINVAL, "cannot listen at %s: %s", text, gai_strerror(rc));
	*fd = listen_at(addresses);
	freeaddrinfo(addresses);
	if (*fd < 0)
		return fail(-*fd, "cannot listen at %s: %s", text, strerror(-*fd));
	*port = port_of(*fd);
	return 0;
}

/* A connection that broke before it was accepted is no reason to stop. */
int connect_accept(int listener, int *fd)
{
	for (;;) {
		int rc = wait_for(listener, POLLIN, -1);

		if (rc < 0)
			return rc;
		*fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (*fd >= 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			return fail_errno("cannot accept a connection");
	}
}

static void name_peer(int fd, char *name, size_t room)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getpeername(fd, (struct sockaddr *)&address, &length) ||
	    getnameinfo((struct sockaddr *)&address, length, name, room, NULL, 0, NI_NUMERICHOST))
		snprintf(name, room, "the other host");
}

void connect_limit(struct line *line, const struct door *door)
{
	if (door->idle_seconds)
		line->idle_seconds = door->idle_seconds;
	if (door->handshake_seconds)
		line->handshake_ms = door->handshake_seconds * 1000;
}

int connect_prepare(struct line *line, int fd, const struct door *door)
{
	char name[256];
	int rc;

	name_peer(fd, name, sizeof(name));
	tune(fd);
	rc = line_init(line, fd, fd, name);
	connect_limit(line, door);
	if (rc || door->is_plain)
		return rc;
	rc = tls_server(&line->tls, fd, door->pki, door->allowed);
	if (rc)
		line_hang_up(line);
	return rc;
}

int connect_let_in(struct line *line)
{
	int rc = connect_shake(line);

	if (!rc && line->tls)
		snprintf(line->peer, sizeof(line->peer), "%s", tls_peer_name(line->tls));
	return rc;
}
