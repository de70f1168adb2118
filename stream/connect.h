/*
 * Lines to other hosts, made: dialled, accepted, or through ssh. Each step has
 * its deadline, and is left as soon as a stop is asked for.
 */
#ifndef STREAM_CONNECT_H
#define STREAM_CONNECT_H

#include "stream/line.h"

enum via { VIA_TLS, VIA_SSH, VIA_TCP };

enum { PORT_DEFAULT = 8666 };

#define PKI_DEFAULT "/etc/pvferry/pki"

/* How to reach another host. */
struct peer {
	enum via via;
	char host[256];
	unsigned int port;
	char pki[256];
	char ssh[256]; /* in place of "ssh"; "": host is the whole command */
	unsigned int
		idle_seconds; /* and so long each step of the handshake may take: a busy host is slow to answer */
};

/* Whom we let in, and how. */
struct door {
	bool is_plain;
	const char *pki;
	const char *const *allowed;		      /* ends with NULL */
	unsigned int idle_seconds, handshake_seconds; /* 0: LINE_IDLE_SECONDS */
};

const char *via_name(enum via via);
bool via_parse(const char *name, enum via *via);
/* --pki's default: what PVFERRY_PKI says, or PKI_DEFAULT. */
const char *pki_default(void);

/*
 * The other end of it is a `pvferry receive`; line_close() in any case. In two steps, of which the second needs no
 * file, socket or process more.
 */
int connect_prepare_to(struct line *line, const struct peer *peer);
int connect_shake(struct line *line);
/*
 * Of a connection that ended before the peer had said anything: hangs up, and gives how ssh ended as the reason in place of rc's, if
 * it failed. What ssh itself has to say, it has said on standard error. Returns rc.
 */
int connect_explain(struct line *line, const struct peer *peer, int rc);

/* ADDRESS:PORT, [ADDRESS]:PORT or :PORT; PORT 0 takes any. Returns the socket in *fd, the port in *port. */
int connect_listen(const char *address, int *fd, unsigned int *port);
/* Waits for one. */
int connect_accept(int listener, int *fd);

/* A line of the caller's gets the times that the door allows. */
void connect_limit(struct line *line, const struct door *door);
/* A socket that was accepted becomes a line: takes it over, reads key and certificates. line_close() in any case. */
int connect_prepare(struct line *line, int fd, const struct door *door);
/* Shakes hands; needs no file. line->peer becomes the name that is allowed. */
int connect_let_in(struct line *line);

#endif
