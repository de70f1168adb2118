/* See lanes.h. */
#include "migrate/lanes.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/child.h"
#include "log.h"
#include "stream/front.h"
#include "stream/lane.h"

enum { ANSWER_MS = 60000, DRAIN_MS = 2000, ROOM = 1 << 20 };

struct task {
	const struct lanes *lanes;
	unsigned int number;
	int fd; /* from the mover */
};

static int join(struct line *line, const struct task *task)
{
	struct json_object *body = json_object_new_object(), *answer;
	int rc = message_hello(line, HANDSHAKE_MS);

	body_put_text(body, "job", task->lanes->job);
	body_put_number(body, "lane", task->number);
	if (rc) {
		json_object_put(body);
		return rc;
	}
	rc = message_send_json(line, MESSAGE_JOIN, body);
	if (rc)
		return rc;
	answer = message_expect(line, MESSAGE_ACCEPT, ANSWER_MS);
	json_object_put(answer);
	return answer ? 0 : -ECONNABORTED;
}

/* The handshake, and what the other host says, is read without privileges; but ssh has to be waited for. */
static int connect_lane(struct line *from, struct line *to, const struct peer *peer)
{
	int rc = connect_prepare_to(to, peer);

	if (!rc && !to->helper)
		rc = front_confine(&(struct front){ .peer = *to, .inner = *from });
	return rc ? rc : connect_shake(to);
}

static int run_lane(void *context)
{
	const struct task *task = context;
	struct line from, to = { .in = -1 };
	int rc = line_init(&from, task->fd, task->fd, "the mover");

	from.idle_seconds = LINE_NEVER_IDLE;
	if (!rc)
		rc = connect_lane(&from, &to, task->lanes->peer);
	if (!rc)
		rc = join(&to, task);
	if (!rc)
		rc = lane_carry(&from, &to);
	if (!rc)
		line_drain(&to, DRAIN_MS);
	line_close(&to);
	line_close(&from);
	return rc;
}

static int open_lane(struct lanes *lanes, unsigned int number)
{
	struct lane *lane = &lanes->lane[number];
	struct task task = { lanes, number, -1 };
	int ends[2], size = ROOM, rc;
	char name[32];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail_errno("cannot make a socket");
	if (setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	snprintf(name, sizeof(name), "connection %u", number + 1);
	rc = line_init(&lane->line, ends[0], ends[0], name);
	lane->line.idle_seconds = LINE_NEVER_IDLE;
	task.fd = ends[1];
	if (!rc)
		rc = child_start(&lane->process, run_lane, &task);
	close(ends[1]);
	return rc;
}

int lanes_open(struct lanes *lanes, unsigned int count, const struct peer *peer, const char *job)
{
	int rc = 0;

	*lanes = (struct lanes){ .count = count, .peer = peer, .job = job };
	for (unsigned int i = 1; !rc && i < count; i++)
		rc = open_lane(lanes, i);
	return rc;
}

int lanes_failure(struct lanes *lanes, unsigned int number)
{
	struct lane *lane = &lanes->lane[number];
	int rc;

	fail_forget();
	line_close(&lane->line);
	rc = lane->process ? child_wait(lane->process) : -ECONNRESET;
	lane->process = NULL;
	return rc ? rc : fail(ECONNRESET, "connection %u was closed", number + 1);
}

/* Their ends being closed, they end: what they hold still goes out, if the other side takes it. */
void lanes_close(struct lanes *lanes)
{
	for (unsigned int i = 1; i < lanes->count; i++)
		line_close(&lanes->lane[i].line);
	for (unsigned int i = 1; i < lanes->count; i++)
		if (lanes->lane[i].process)
			child_wait(lanes->lane[i].process);
	lanes->count = 0;
}
