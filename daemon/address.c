/* See address.h. */
#include "daemon/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

/* Cuts "HOST:PORT" or "[HOST]:PORT" in two. */
static bool split(char *text, char **host, char **port)
{
	char *colon = strrchr(text, ':');

	if (!colon || colon == text)
		return false;
	*colon = '\0';
	*port = colon + 1;
	*host = text;
	if (text[0] != '[')
		return !strchr(text, ':');
	if (colon[-1] != ']')
		return false;
	colon[-1] = '\0';
	*host = text + 1;
	return true;
}

static bool is_port(const char *text)
{
	uint64_t number;

	return text_number(text, UINT16_MAX, &number);
}

bool address_parse(struct address *address, const char *text)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	char copy[ADDRESS_TEXT], *host, *port;
	struct addrinfo *found = NULL;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy) || !split(copy, &host, &port) ||
	    !is_port(port) || getaddrinfo(host, port, &hints, &found))
		return false;
	memcpy(&address->storage, found->ai_addr, found->ai_addrlen);
	address->bytes = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

bool address_is(const struct address *one, const struct address *other)
{
	return one->bytes == other->bytes && !memcmp(&one->storage, &other->storage, one->bytes);
}

/* What lies behind ::ffff:192.0.2.1. */
static struct address plain(const struct address *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->storage;
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = six->sin6_port };
	struct address result = { .bytes = sizeof(four) };

	if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return *address;
	memcpy(&four.sin_addr, &six->sin6_addr.s6_addr[12], sizeof(four.sin_addr));
	memcpy(&result.storage, &four, sizeof(four));
	return result;
}

const char *address_text(const struct address *address, char text[ADDRESS_TEXT])
{
	struct address it = plain(address);
	char host[INET6_ADDRSTRLEN + 16], port[8];

	if (getnameinfo(&it.any, it.bytes, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(text, ADDRESS_TEXT, "(unknown)");
	else
		snprintf(text, ADDRESS_TEXT, it.any.sa_family == AF_INET6 ? "[%.48s]:%s" : "%.48s:%s", host,
			 port);
	return text;
}

static bool is_same(const struct address *one, const struct address *other, size_t ipv6_bytes)
{
	struct address a = plain(one), b = plain(other);

	if (a.any.sa_family != b.any.sa_family)
		return false;
	if (a.any.sa_family == AF_INET)
		return ((struct sockaddr_in *)&a.storage)->sin_addr.s_addr ==
		       ((struct sockaddr_in *)&b.storage)->sin_addr.s_addr;
	return !memcmp(&((struct sockaddr_in6 *)&a.storage)->sin6_addr,
		       &((struct sockaddr_in6 *)&b.storage)->sin6_addr, ipv6_bytes);
}

bool address_same_host(const struct address *one, const struct address *other)
{
	return is_same(one, other, 8);
}

bool address_same_network(const struct address *one, const struct address *other)
{
	return is_same(one, other, 7);
}
