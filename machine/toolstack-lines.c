/* See toolstack-lines.h. */
#include "machine/toolstack-lines.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "log.h"
#include "process/stop.h"

enum { ANSWER_MOST = 16 << 20 };

/* The first part of a line, and descriptors with it: of those that come with any byte the toolstack takes care. */
static ssize_t send_some(int fd, const void *bytes, size_t count, const struct new_domain *with)
{
	char control[CMSG_SPACE(NEW_DOMAIN_LOCKS * sizeof(int))]
		__attribute__((aligned(sizeof(struct cmsghdr))));
	struct iovec part = { (void *)bytes, count };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *header = (struct cmsghdr *)control;

	if (with && with->lock_count) {
		memset(control, 0, sizeof(control));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(with->lock_count * sizeof(*with->locks));
		memcpy(CMSG_DATA(header), with->locks, with->lock_count * sizeof(*with->locks));
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(with->lock_count * sizeof(*with->locks));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* with: whose locks go along; NULL: none do. */
int toolstack_give_with(int fd, struct json_object *order, const struct new_domain *with)
{
	const char *text = json_object_to_json_string_ext(order, JSON_C_TO_STRING_PLAIN);
	struct bytes line = { 0 };
	size_t sent = 0;
	int rc;

	bytes_put(&line, text, strlen(text));
	bytes_put(&line, "\n", 1);
	rc = bytes_check(&line);
	while (!rc && sent < line.count) {
		ssize_t done = send_some(fd, line.at + sent, line.count - sent, sent ? NULL : with);

		if (done < 0 && errno != EINTR)
			rc = fail_errno("cannot reach pvferry-toolstack");
		sent += done > 0 ? done : 0;
	}
	bytes_release(&line);
	json_object_put(order);
	return rc;
}

int toolstack_give(int fd, struct json_object *order)
{
	return toolstack_give_with(fd, order, NULL);
}

struct json_object *toolstack_order(const char *name)
{
	struct json_object *order = json_object_new_object();

	json_object_object_add(order, "order", json_object_new_string(name));
	return order;
}

/* A stop is heard where it may be: to destroy a domain in halves helps no user. */
static int wait_for_some(int fd, bool hears_stop)
{
	struct pollfd from[] = { { .fd = fd, .events = POLLIN },
				 { .fd = hears_stop ? stop_fd() : -1, .events = POLLIN } };

	while (poll(from, 2, -1) < 0)
		if (errno != EINTR)
			return fail_errno("poll");
	return from[0].revents ? 0 : stop_requested();
}

/* One line and no byte more: who reads next may be another process. */
int toolstack_read(int fd, struct bytes *line, bool hears_stop)
{
	char some[4096], *end = NULL;
	int rc = 0;

	while (!rc && !end && line->count < ANSWER_MOST) {
		ssize_t got;

		rc = wait_for_some(fd, hears_stop);
		if (rc)
			break;
		got = recv(fd, some, sizeof(some), MSG_PEEK);
		if (got > 0) {
			end = memchr(some, '\n', got);
			got = recv(fd, some, end ? end + 1 - some : got, 0);
		}
		if (!got || (got < 0 && errno != EINTR))
			rc = fail(ECHILD, "pvferry-toolstack ended without an answer");
		else if (got > 0)
			bytes_put(line, some, got);
	}
	bytes_put(line, "", 1);
	return rc ? rc : bytes_check(line);
}

const char *toolstack_text(struct json_object *answer, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(answer, key, &value) ? json_object_get_string(value) : NULL;
}

int64_t toolstack_number(struct json_object *answer, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(answer, key, &value) ? json_object_get_int64(value) : 0;
}

/* An answer that tells of a failure is one. */
int toolstack_hear(int fd, struct json_object **answer, bool hears_stop)
{
	struct bytes line = { 0 };
	int rc = toolstack_read(fd, &line, hears_stop);

	*answer = rc ? NULL : json_tokener_parse((const char *)line.at);
	bytes_release(&line);
	if (rc)
		return rc;
	if (toolstack_text(*answer, "failed"))
		rc = fail(toolstack_number(*answer, "errno") > 0 ? (int)toolstack_number(*answer, "errno")
								 : EIO,
			  "%s",
			  toolstack_text(*answer, "reason") ? toolstack_text(*answer, "reason")
							    : "no reason given");
	else if (!*answer)
		rc = fail(EPROTO, "pvferry-toolstack gave no sensible answer");
	if (rc) {
		json_object_put(*answer);
		*answer = NULL;
	}
	return rc;
}

/* Where the answer holds nothing but that it is done. */
int toolstack_obeyed(int fd, bool hears_stop)
{
	struct json_object *answer;
	int rc = toolstack_hear(fd, &answer, hears_stop);

	json_object_put(answer);
	return rc;
}
