/*
 * The files of a chain on their way to the expander: each in a packet of its own, its descriptor beside it.
 * Mirror: expander/chain.c
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "log.h"
#include "restore/expander.h"
#include "stream/chain.h"

static int send_file(int socket, const struct chain_file *file)
{
	struct expansion_file packet = { "" };
	struct iovec part = { &packet, sizeof(packet) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} beside = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = sizeof(beside)
	};
	size_t length = strlen(file->name);
	ssize_t sent;

	/* The end of a path says more than its beginning. */
	snprintf(packet.name, sizeof(packet.name), "%s",
		 file->name + (length < sizeof(packet.name) ? 0 : length - sizeof(packet.name) + 1));
	memcpy(CMSG_DATA(&beside.header), &file->fd, sizeof(file->fd));
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == sizeof(packet) ? 0 : fail_errno("cannot reach the expander");
}

int expander_send_chain(int socket, const struct chain *chain)
{
	int rc = 0;

	for (unsigned int i = 1; chain && !rc && i < chain->count; i++)
		rc = send_file(socket, &chain->files[i]);
	return rc;
}
