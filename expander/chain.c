/* See chain.h. Mirror: restore/expander-chain.c */
#include "expander/chain.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "stream/expanded.h"

static struct chain chain;
static struct expansion_file files[CHAIN_MOST];

static int receive_file(int socket, struct expansion_file *file, int *fd)
{
	struct iovec part = { file, sizeof(*file) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} beside;
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = sizeof(beside)
	};
	const struct cmsghdr *header;
	ssize_t bytes;

	do
		bytes = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (bytes < 0 && errno == EINTR);
	header = bytes == sizeof(*file) ? CMSG_FIRSTHDR(&message) : NULL;
	if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EPROTO;
	memcpy(fd, CMSG_DATA(header), sizeof(*fd));
	file->name[sizeof(file->name) - 1] = '\0';
	return 0;
}

int chain_receive(struct channel *image, int socket, uint32_t parents)
{
	if (!parents)
		return 0;
	if (parents >= CHAIN_MOST)
		return -EPROTO;
	chain.files[0] = (struct chain_file){ .fd = image->fd, .name = image->name };
	for (uint32_t i = 1; i <= parents; i++) {
		int rc = receive_file(socket, &files[i], &chain.files[i].fd);

		if (rc)
			return rc;
		chain.files[i].name = files[i].name;
	}
	chain.count = parents + 1;
	image->chain = &chain;
	return 0;
}
