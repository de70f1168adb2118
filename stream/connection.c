/* See connection.h. */
#include "stream/connection.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { END_TEXT = CONNECTION_TEXT / 2 };

typedef int get_address(int fd, struct sockaddr *address, socklen_t *room);

/* "ADDRESS PORT". A server that listens to IPv6 sees a client of IPv4 as ::ffff:ADDRESS; the client does not. */
static bool name_end(int fd, get_address *get, char text[END_TEXT])
{
	static const char mapped[] = "::ffff:";
	struct sockaddr_storage address;
	socklen_t room = sizeof(address);
	char host[64], port[8];
	bool is_mapped;

	if (get(fd, (struct sockaddr *)&address, &room) ||
	    (address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
	    getnameinfo((struct sockaddr *)&address, room, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return false;
	is_mapped = !strncmp(host, mapped, strlen(mapped)) && strchr(host, '.');
	snprintf(text, END_TEXT, "%s %s", host + (is_mapped ? strlen(mapped) : 0), port);
	return true;
}

void connection_of_socket(int fd, bool is_client, char text[CONNECTION_TEXT])
{
	char client[END_TEXT], server[END_TEXT];

	*text = '\0';
	if (name_end(fd, is_client ? getsockname : getpeername, client) &&
	    name_end(fd, is_client ? getpeername : getsockname, server))
		snprintf(text, CONNECTION_TEXT, "%s %s", client, server);
}

void connection_of_ssh(char text[CONNECTION_TEXT])
{
	const char *ssh = secure_getenv("SSH_CONNECTION");

	snprintf(text, CONNECTION_TEXT, "%s%s", ssh ? "ssh " : "", ssh ? ssh : "");
}

static bool is_loopback(const char *address)
{
	return !strncmp(address, "127.", 4) || !strcmp(address, "::1");
}

bool connection_is_ssh_within_host(const char *text)
{
	char client[64], server[64];

	if (sscanf(text, "ssh %63s %*u %63s %*u", client, server) != 2)
		return false;
	return !strcmp(client, server) || (is_loopback(client) && is_loopback(server));
}
