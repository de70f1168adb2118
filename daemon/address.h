/* Where peers are: written, compared. Numbers only; no name is looked up. */
#ifndef DAEMON_ADDRESS_H
#define DAEMON_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_storage storage;
	};
	socklen_t bytes;
};

enum { ADDRESS_TEXT = 64 };

/* "192.0.2.1:8666", "[2001:db8::1]:8666"; false if it is neither. */
bool address_parse(struct address *address, const char *text);

/* The very same, as it was parsed. */
bool address_is(const struct address *one, const struct address *other);

/* Written as above; an IPv4 peer of an IPv6 socket as IPv4. Returns text. */
const char *address_text(const struct address *address, char text[ADDRESS_TEXT]);

/* One host as far as limits go: the same IPv4 address, or IPv6 network of 64 bits. */
bool address_same_host(const struct address *one, const struct address *other);

/* One customer of a provider: the same IPv4 address, or IPv6 network of 56 bits. */
bool address_same_network(const struct address *one, const struct address *other);

#endif
